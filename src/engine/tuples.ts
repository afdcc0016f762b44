import type { BaseMessage } from '@langchain/core/messages'
import { type Checkpoint, type CheckpointMetadata, type CheckpointTuple, maxChannelVersion, TASKS } from '@langchain/langgraph-checkpoint'
import type { Needs } from '../core/needs.ts'
import {
  type BlobRow,
  type CheckpointPage,
  type CheckpointRow,
  type LogRow,
  readCheckpoints,
  readLog,
} from '../core/threads/checkpoints.ts'
import { decode, referencesIn } from './channels.ts'
import { blobKey, type ListVersion, wholeList } from './message-lists.ts'

class Torn extends Error {}

const READS_MAX = 5

/**
 * Reads a state whole: checkpoints first, then the messages they name. A run that is removed in between takes both along,
 * and then it is read again. Where a message is still missing, it is.
 */
export async function untorn<R>(read: () => Promise<R>): Promise<R> {
  for (let tries = 1; ; tries++) {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof Torn) || tries >= READS_MAX) throw error
    }
  }
}

/** How rows become what LangGraph calls checkpoint tuples. */
export interface Decoding {
  tenantId: string
  /** A message of a row; the same object for the same id within one page. */
  message(row: LogRow): BaseMessage
  /** Messages that need not be read again. */
  known?(id: string): BaseMessage | undefined
  nextVersion(current: number | undefined): number
}

/** Which lists of messages a checkpoint holds: what its successors build on. */
const lists = new WeakMap<Checkpoint, readonly ListVersion[]>()
export const listsOf = (checkpoint: Checkpoint): readonly ListVersion[] => lists.get(checkpoint) ?? []

type Find = (id: string) => BaseMessage

/** Two queries at most, whatever the number of checkpoints: a page of history shares its message objects. */
export async function decodePage(app: Needs<'db'>, page: CheckpointPage, how: Decoding): Promise<CheckpointTuple[]> {
  const decoder = new PageDecoder(app, page, how)
  return decoder.tuples()
}

class PageDecoder {
  private readonly blobs: Map<string, BlobRow>
  private readonly whole = new Map<string, { ids: string[]; depth: number }>()

  constructor(
    private readonly app: Needs<'db'>,
    private readonly page: CheckpointPage,
    private readonly how: Decoding,
  ) {
    this.blobs = new Map(page.blobs.map((blob) => [blobKey(blob), blob]))
  }

  async tuples(): Promise<CheckpointTuple[]> {
    const ids = new Set<string>()
    for (const row of this.page.checkpoints) {
      for (const { ids: list, blob } of this.values(row)) for (const id of list ?? referencesIn(blob)) ids.add(id)
      for (const [, , data] of row.writes ?? []) for (const id of referencesIn({ data })) ids.add(id)
    }
    const find = await this.messages(ids)
    return Promise.all(this.page.checkpoints.map((row) => this.tuple(row, find)))
  }

  /** The values outside the row; lists are made whole once for all checkpoints that name them. */
  private *values(row: CheckpointRow): Generator<{ blob: BlobRow; ids?: string[]; depth?: number }> {
    for (const channel of Object.keys(row.versions)) {
      const key = blobKey({ thread_id: row.thread_id, ns: row.ns, channel, version: String(row.versions[channel]) })
      const blob = this.blobs.get(key)
      if (!blob) continue
      if (!blob.message_ids) yield { blob }
      else {
        let list = this.whole.get(key)
        if (!list) {
          list = wholeList(blob, this.blobs)
          this.whole.set(key, list)
        }
        yield { blob, ...list }
      }
    }
  }

  private async messages(ids: ReadonlySet<string>): Promise<Find> {
    const found = new Map<string, BaseMessage>()
    const unknown: string[] = []
    for (const id of ids) {
      const message = this.how.known?.(id)
      if (message) found.set(id, message)
      else unknown.push(id)
    }
    for (const row of await readLog(this.app, this.how.tenantId, unknown)) found.set(row.id, this.how.message(row))
    return (id) => {
      const message = found.get(id)
      if (!message) throw new Torn('a checkpoint names a message that is not in the log')
      return message
    }
  }

  private async tuple(row: CheckpointRow, message: Find): Promise<CheckpointTuple> {
    const values: Record<string, unknown> = row.inline ? (JSON.parse(row.inline) as Record<string, unknown>) : {}
    const held: ListVersion[] = []
    for (const { blob, ids, depth = 0 } of this.values(row)) {
      const { channel, version } = blob
      if (ids) held.push({ ns: row.ns, channel, version, ids, depth })
      values[channel] = ids ? ids.map(message) : await decode(blob, message)
    }
    const { versions } = row
    if (row.v < 4 && row.parent_id) await this.migrateSends({ row, values, message })
    const key = (id: string) => ({ configurable: { thread_id: row.thread_id, checkpoint_ns: row.ns, checkpoint_id: id } })
    const checkpoint: Checkpoint = {
      v: row.v,
      id: row.id,
      ts: new Date(row.created_at).toISOString(),
      channel_values: values,
      channel_versions: versions,
      versions_seen: JSON.parse(row.seen) as Checkpoint['versions_seen'],
    }
    lists.set(checkpoint, held)
    return {
      config: key(row.id),
      checkpoint,
      metadata: {
        ...row.metadata,
        ...(row.run_id ? { run_id: row.run_id } : {}),
        source: row.source,
        step: row.step,
      } as CheckpointMetadata,
      pendingWrites: await Promise.all(
        (row.writes ?? []).map(
          async ([task, channel, data, bytes]): Promise<[string, string, unknown]> => [
            task,
            channel,
            await decode({ data, bytes }, message),
          ],
        ),
      ),
      ...(row.parent_id ? { parentConfig: key(row.parent_id) } : {}),
    }
  }

  /** Before version 4 pending sends lived in the parent's writes. */
  private async migrateSends(old: { row: CheckpointRow; values: Record<string, unknown>; message: Find }): Promise<void> {
    const { row, values, message } = old
    const filter = { threadId: row.thread_id, ns: row.ns, id: row.parent_id ?? '' }
    const { checkpoints } = await readCheckpoints(this.app, this.how.tenantId, filter)
    const sends = (checkpoints[0]?.writes ?? []).filter(([, channel]) => channel === TASKS)
    values[TASKS] = await Promise.all(sends.map(([, , data, bytes]) => decode({ data, bytes }, message)))
    const known = Object.values(row.versions) as number[]
    row.versions[TASKS] = known.length ? (maxChannelVersion(...known) as number) : this.how.nextVersion(undefined)
  }
}
