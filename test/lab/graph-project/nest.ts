import { Annotation, END, interrupt, type LangGraphRunnableConfig, START, StateGraph } from '@langchain/langgraph'
import { effect, said, Work } from './state.ts'

/** Plans, asks, and acts upon the answer. */
export const ask = new StateGraph(Work)
  .addNode('plan', async ({ tag, pause_ms }, config: LangGraphRunnableConfig) => {
    await effect('plan', config, { ms: pause_ms })
    return said(`${tag}/plan`)
  })
  .addNode('ask', ({ tag }) => said(`${tag}/${String(interrupt({ tag }))}`))
  .addNode('act', async ({ tag, pause_ms }, config: LangGraphRunnableConfig) => {
    await effect('act', config, { ms: pause_ms })
    return said(`${tag}/act`)
  })
  .addEdge(START, 'plan')
  .addEdge('plan', 'ask')
  .addEdge('ask', 'act')
  .addEdge('act', END)
  .compile()

const Inner = Annotation.Root({
  tag: Annotation<string>,
  pause_ms: Annotation<number>,
  asks: Annotation<boolean>,
  inner: Annotation<string[]>({ reducer: (before, after) => before.concat(after), default: () => [] }),
})

const inside = new StateGraph(Inner)
  .addNode('first', async ({ pause_ms }, config: LangGraphRunnableConfig) => {
    await effect('first', config, { ms: pause_ms })
    return { inner: ['first'] }
  })
  .addNode('maybe', ({ tag, asks }) => ({ inner: asks ? [String(interrupt({ tag }))] : [] }))
  .addNode('last', async ({ pause_ms }, config: LangGraphRunnableConfig) => {
    await effect('last', config, { ms: pause_ms })
    return { inner: ['last'] }
  })
  .addEdge(START, 'first')
  .addEdge('first', 'maybe')
  .addEdge('maybe', 'last')
  .addEdge('last', END)
  .compile()

/** The same in a graph of its own, whose own steps come to light in the last line. */
export const nest = new StateGraph(Work)
  .addNode('open', async ({ tag, pause_ms }, config: LangGraphRunnableConfig) => {
    await effect('open', config, { ms: pause_ms })
    return { inner: [], ...said(`${tag}/open`) }
  })
  .addNode('inside', inside)
  .addNode('close', ({ tag, inner }) => said(`${tag}/${inner.join('+')}`))
  .addEdge(START, 'open')
  .addEdge('open', 'inside')
  .addEdge('inside', 'close')
  .addEdge('close', END)
  .compile()
