import type { CallbackManagerForLLMRun } from '@langchain/core/callbacks/manager'
import type { BaseMessage } from '@langchain/core/messages'
import type { ChatGenerationChunk } from '@langchain/core/outputs'
import { END, getWriter, interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { FakeModel, question, type Script } from '../../../support/graphs/parts/fake-model.ts'
import { passGate } from '../gates.ts'

/** `hold <gate> <words>` */
const HOLD = /^hold (\S+) (.+)$/s
const SPOKEN = 2

/** Repeats the words of `hold <gate> <words>`, and after two of them waits for the gate. Says anything else at once. */
class HeldModel extends FakeModel {
  override async *_streamResponseChunks(
    messages: BaseMessage[],
    options: this['ParsedCallOptions'],
    manager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    const gate = HOLD.exec(question(messages))?.[1]
    let spoken = 0
    for await (const chunk of super._streamResponseChunks(messages, options, manager)) {
      if (gate !== undefined && spoken++ === SPOKEN) await passGate(gate, options.signal)
      yield chunk
    }
  }
}

const repeat: Script = (messages) => {
  const asked = question(messages)
  const id = messages.findLast((message) => message.getType() === 'human')?.id
  return { id: `answer-to-${id}-of-${messages.length}`, text: HOLD.exec(asked)?.[2] ?? `You said: ${asked}` }
}

const model = new HeldModel(repeat)

/** One turn of a conversation. */
export const held = new StateGraph(MessagesAnnotation)
  .addNode('speak', async ({ messages }, config) => ({ messages: [await model.invoke(messages, config)] }))
  .addEdge(START, 'speak')
  .addEdge('speak', END)
  .compile()

/** Asks before it answers, and tells its reader so as an event of its own. */
export const asking = new StateGraph(MessagesAnnotation)
  .addNode('ask', () => {
    getWriter()?.({ note: 'asking' })
    const name = interrupt({ question: 'Who are you?' })
    return { messages: [{ role: 'assistant', content: `Welcome, ${String(name)}.` }] }
  })
  .addEdge(START, 'ask')
  .addEdge('ask', END)
  .compile()

/** Fails after it was heard. */
export const failing = new StateGraph(MessagesAnnotation)
  .addNode('hear', () => ({ messages: [{ role: 'assistant', content: 'Let me see.', id: 'heard' }] }))
  .addNode('boo', () => {
    throw new RangeError('Boo!')
  })
  .addEdge(START, 'hear')
  .addEdge('hear', 'boo')
  .addEdge('boo', END)
  .compile()
