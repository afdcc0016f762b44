import type { BaseMessage } from '@langchain/core/messages'

const CHARS_MAX = 8_000_000
const MESSAGES_MAX = 20_000
/** What a message costs beside its text. */
const OVERHEAD = 500

/**
 * Messages that were read lately, by row id: a row's content never changes, so that reading a thread's state again reads
 * only what is new. Only for readers: whoever runs a graph gets messages of its own, as nodes may change them.
 */
export class MessageCache {
  private readonly kept = new Map<string, { message: BaseMessage; chars: number }>()
  private chars = 0

  get(id: string): BaseMessage | undefined {
    const found = this.kept.get(id)
    if (!found) return undefined
    this.kept.delete(id)
    this.kept.set(id, found)
    return found.message
  }

  /** @param chars of the row */
  put(id: string, message: BaseMessage, chars: number): void {
    if (this.kept.has(id) || chars > CHARS_MAX / 8) return
    this.kept.set(id, { message, chars: chars + OVERHEAD })
    this.chars += chars + OVERHEAD
    for (const [oldest, { chars }] of this.kept) {
      if (this.chars <= CHARS_MAX && this.kept.size <= MESSAGES_MAX) break
      this.kept.delete(oldest)
      this.chars -= chars
    }
  }
}
