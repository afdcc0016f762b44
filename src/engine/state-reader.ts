import type { BaseMessage } from '@langchain/core/messages'
import type { Needs } from '../core/needs.ts'
import type { HeadPage, LogRow } from '../core/threads/checkpoints.ts'
import { Checkpointer } from './checkpointer.ts'
import type { MessageCache } from './message-cache.ts'
import { messageFrom } from './messages.ts'
import type { Decoding } from './tuples.ts'

/** The checkpointer of a graph whose state is read and never written. */
export class StateReader extends Checkpointer {
  /** Messages that came after the thread's head, once that was read. */
  pending: readonly LogRow[] = []

  constructor(
    app: Needs<'db' | 'clock'>,
    tenantId: string,
    private readonly cache: MessageCache,
  ) {
    super(app, { tenantId, runId: null, assistantId: null })
  }

  protected override async readHead(threadId: string): Promise<HeadPage> {
    const page = await super.readHead(threadId)
    this.pending = page.threads[0]?.pending ?? []
    return page
  }

  protected override message(row: LogRow): BaseMessage {
    const message = messageFrom(row, false)
    this.cache.put(row.id, message, row.content.length + (row.tool_calls?.length ?? 0) + (row.extra?.length ?? 0))
    return message
  }

  protected override decoding(): Decoding {
    return { ...super.decoding(), known: (id) => this.cache.get(id) }
  }
}
