import { Annotation, Command, END, interrupt, START, StateGraph } from '@langchain/langgraph'

const State = Annotation.Root({
  topic: Annotation<string>,
  /** A subgraph gives back all it was given: each name counts once. */
  trail: Annotation<string[]>({ reducer: (before, after) => [...new Set([...before, ...after])], default: () => [] }),
})

/** Waits for somebody to say how it is. */
const inner = new StateGraph(State)
  .addNode('draft', ({ topic }) => ({ trail: [`draft ${topic}`] }))
  .addNode('review', ({ topic }) => {
    const verdict = interrupt({ question: `Is ${topic} good?` })
    return { trail: [`review ${String(verdict)}`] }
  })
  .addEdge(START, 'draft')
  .addEdge('draft', 'review')
  .addEdge('review', END)
  .compile()

const middle = new StateGraph(State)
  .addNode('before', () => ({ trail: ['before'] }))
  .addNode('inner', inner)
  .addEdge(START, 'before')
  .addEdge('before', 'inner')
  .addEdge('inner', END)
  .compile()

/** Subgraphs two deep, of which the deepest interrupts. */
export const nested = new StateGraph(State)
  .addNode('open', () => ({ trail: ['open'] }))
  .addNode('middle', middle)
  .addNode('close', () => ({ trail: ['close'] }))
  .addEdge(START, 'open')
  .addEdge('open', 'middle')
  .addEdge('middle', 'close')
  .addEdge('close', END)
  .compile()

const Approval = Annotation.Root({ plan: Annotation<string>, done: Annotation<string> })

/** Asks before it acts; the answer decides where it goes. */
const approval = new StateGraph(Approval)
  .addNode(
    'ask',
    ({ plan }) => {
      const { approved, plan: other } = interrupt({ plan }) as { approved: boolean; plan?: string }
      return new Command({ goto: approved ? 'act' : 'drop', ...(other === undefined ? {} : { update: { plan: other } }) })
    },
    { ends: ['act', 'drop'] },
  )
  .addNode('act', ({ plan }) => ({ done: `did ${plan}` }))
  .addNode('drop', () => ({ done: 'nothing' }))
  .addEdge(START, 'ask')
  .addEdge('act', END)
  .addEdge('drop', END)
  .compile()

// biome-ignore lint/style/noDefaultExport: a graph may be its file's default export
export default approval
