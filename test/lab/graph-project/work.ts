import { END, type LangGraphRunnableConfig, Send, START, StateGraph } from '@langchain/langgraph'
import { effect, said, Work } from './state.ts'

/** `steps` steps one after the other. */
export const work = new StateGraph(Work)
  .addNode('work', async ({ tag, done, pause_ms, gate }, config: LangGraphRunnableConfig) => {
    await effect(`${done}`, config, { ms: pause_ms, gate: done === 0 ? gate : undefined })
    return { done: done + 1, ...said(`${tag}/${done}`) }
  })
  .addEdge(START, 'work')
  .addConditionalEdges('work', ({ done, steps }) => (done < steps ? 'work' : END))
  .compile()

/** `steps` branches at once, then what all of them did, kept in the store too. */
export const fan = new StateGraph(Work)
  .addNode('branch', async ({ tag, done, pause_ms }, config: LangGraphRunnableConfig) => {
    await effect(`branch ${done}`, config, { ms: pause_ms * (1 + done) })
    return said(`${tag}/${done}`)
  })
  .addNode('gather', async ({ tag, pause_ms }, config: LangGraphRunnableConfig) => {
    await effect('gather', config, { ms: pause_ms })
    await config.store?.put(['lab', 'runs'], tag, { tag })
    return said(`${tag}/gather`)
  })
  .addConditionalEdges(
    START,
    ({ tag, steps, pause_ms }) => Array.from({ length: steps }, (_, done) => new Send('branch', { tag, pause_ms, done })),
    ['branch'],
  )
  .addEdge('branch', 'gather')
  .addEdge('gather', END)
  .compile()

export class LabError extends Error {
  override readonly name = 'LabError'
}

/** One step, then an error. */
export const boom = new StateGraph(Work)
  .addNode('tick', async ({ tag, pause_ms }, config: LangGraphRunnableConfig) => {
    await effect('tick', config, { ms: pause_ms })
    return said(`${tag}/tick`)
  })
  .addNode('boo', () => {
    throw new LabError('Boo!')
  })
  .addEdge(START, 'tick')
  .addEdge('tick', 'boo')
  .addEdge('boo', END)
  .compile()
