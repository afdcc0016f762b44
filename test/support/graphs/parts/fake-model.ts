import type { CallbackManagerForLLMRun } from '@langchain/core/callbacks/manager'
import { BaseChatModel } from '@langchain/core/language_models/chat_models'
import { AIMessage, AIMessageChunk, type BaseMessage } from '@langchain/core/messages'
import type { ToolCall } from '@langchain/core/messages/tool'
import { ChatGenerationChunk, type ChatResult } from '@langchain/core/outputs'

export interface Reply {
  text: string
  calls?: ToolCall[]
}

/** What the model says to a conversation, with the id of the message it becomes. */
export type Script = (messages: readonly BaseMessage[]) => Reply & { id: string }

/** A chat model that says what a function decides, word by word, `pauseMs` apart. The same conversation gets the same ids. */
export class FakeModel extends BaseChatModel {
  constructor(
    private readonly script: Script,
    private readonly pauseMs = 0,
  ) {
    super({})
  }

  override _llmType(): string {
    return 'fake'
  }

  override bindTools(): this {
    return this
  }

  override async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    const { text, calls = [], id } = this.script(messages)
    const message = new AIMessage({ content: text, tool_calls: calls, id })
    return { generations: [{ text, message }] }
  }

  override async *_streamResponseChunks(
    messages: BaseMessage[],
    options: this['ParsedCallOptions'],
    manager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    const { text, calls = [], id } = this.script(messages)
    const pieces = text === '' ? [''] : (text.match(/\S+\s*/g) ?? [text])
    for (const [i, piece] of pieces.entries()) {
      if (this.pauseMs > 0) await new Promise((done) => setTimeout(done, this.pauseMs))
      options.signal?.throwIfAborted()
      const last = i === pieces.length - 1
      const chunks = last
        ? calls.map((call, index) => ({ ...call, index, type: 'tool_call_chunk' as const, args: JSON.stringify(call.args) }))
        : []
      const chunk = new ChatGenerationChunk({ text: piece, message: new AIMessageChunk({ content: piece, id, tool_call_chunks: chunks }) })
      yield chunk
      await manager?.handleLLMNewToken(piece, undefined, undefined, undefined, undefined, { chunk })
    }
  }
}

/** The newest thing a person said. */
export function question(messages: readonly BaseMessage[]): string {
  const last = messages.findLast((message) => message.getType() === 'human')
  return typeof last?.content === 'string' ? last.content : ''
}
