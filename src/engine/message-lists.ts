import type { BlobRow } from '../core/threads/checkpoints.ts'

/** One version of a channel that is a list of messages: the ids of their rows. */
export interface ListVersion {
  ns: string
  channel: string
  version: string
  ids: readonly string[]
  /** How many earlier versions must be read to know it. */
  depth: number
}

/** A list as it is stored: whole, or what comes after the first `keep` ids of an earlier version. */
export interface StoredList {
  message_ids: string[]
  base?: string
  base_ns?: string
  keep?: number
}

/** Shorter lists are stored whole. */
const WHOLE_MAX = 8
/**
 * How many versions a list may be made of. Reading it costs as many look-ups, so that the longer the list, the more: a whole
 * list every n/16 versions is a constant for each version, and storage grows with the conversation, not with its square.
 */
const depthMax = (length: number): number => Math.max(32, length >> 4)

const keyOf = (ns: string, channel: string): string => `${ns} ${channel}`

/** The newest versions that one checkpointer has read or written, of one thread: what the next ones build on. */
export class MessageLists {
  private readonly known = new Map<string, ListVersion>()

  learn(list: ListVersion): void {
    this.known.set(keyOf(list.ns, list.channel), list)
  }

  /** What was learned may not be in the database: nothing is built on it. */
  forget(): void {
    this.known.clear()
  }

  /** A subgraph's list often begins as that of the graph around it, down to the root. */
  private *bases(ns: string, channel: string): Generator<ListVersion> {
    for (let at = ns; ; at = at.slice(0, Math.max(0, at.lastIndexOf('|')))) {
      const found = this.known.get(keyOf(at, channel))
      if (found) yield found
      if (at === '') return
    }
  }

  store({ ns, channel, version, ids }: { ns: string; channel: string; version: string; ids: string[] }): StoredList {
    for (const base of ids.length > WHOLE_MAX ? this.bases(ns, channel) : []) {
      const keep = common(base.ids, ids)
      const depth = base.depth + 1
      if (keep * 2 < ids.length || depth > depthMax(ids.length) || (base.ns === ns && base.version === version)) continue
      this.learn({ ns, channel, version, ids, depth })
      return { message_ids: ids.slice(keep), base: base.version, keep, ...(base.ns === ns ? {} : { base_ns: base.ns }) }
    }
    this.learn({ ns, channel, version, ids, depth: 0 })
    return { message_ids: ids }
  }
}

function common(a: readonly string[], b: readonly string[]): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i
  return length
}

export const blobKey = (b: Pick<BlobRow, 'thread_id' | 'ns' | 'channel' | 'version'>): string =>
  `${b.thread_id} ${b.ns} ${b.channel} ${b.version}`

/** The whole list of a stored one. Throws where an earlier version is missing. */
export function wholeList(blob: BlobRow, blobs: ReadonlyMap<string, BlobRow>): { ids: string[]; depth: number } {
  const parts: string[][] = []
  let wanted = Number.POSITIVE_INFINITY
  let depth = 0
  for (let at = blob; ; depth++) {
    const before = at.base === null ? 0 : (at.keep ?? 0)
    if (wanted > before) parts.push((at.message_ids ?? []).slice(0, wanted - before))
    wanted = Math.min(wanted, before)
    if (at.base === null) break
    const base = blobs.get(blobKey({ ...at, ns: at.base_ns ?? at.ns, version: at.base }))
    if (!base?.message_ids) throw new Error('a list of messages begins with a version that is not there')
    at = base
  }
  return { ids: parts.reverse().flat(), depth }
}
