import { Annotation, END, type LangGraphRunnableConfig, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { FakeModel, question } from './parts/fake-model.ts'

/** Answers with the number of messages so far. Calls no model. */
export const echo = new StateGraph(MessagesAnnotation)
  .addNode('answer', ({ messages }) => ({ messages: [{ role: 'assistant', content: `message ${messages.length}` }] }))
  .addEdge(START, 'answer')
  .addEdge('answer', END)
  .compile()

const model = new FakeModel((messages) => ({ id: `said-${messages.length}`, text: `You said: ${question(messages)}` }))

/** Repeats what it was told, in tokens. */
export const tokens = new StateGraph(MessagesAnnotation)
  .addNode('speak', async ({ messages }, config) => ({ messages: [await model.invoke(messages, config)] }))
  .addEdge(START, 'speak')
  .addEdge('speak', END)

const Slow = Annotation.Root({ ...MessagesAnnotation.spec, delay_ms: Annotation<number> })

/** As `echo`, in two steps, with a rest before the second. */
export const slowTalk = new StateGraph(Slow)
  .addNode('hear', () => ({}))
  .addNode('answer', async ({ messages, delay_ms }, config: LangGraphRunnableConfig) => {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, delay_ms ?? 0)
      config.signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(new Error('stopped'))
      })
    })
    return { messages: [{ role: 'assistant', content: `message ${messages.length}` }] }
  })
  .addEdge(START, 'hear')
  .addEdge('hear', 'answer')
  .addEdge('answer', END)
  .compile()
