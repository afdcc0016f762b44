import { Annotation, END, interrupt, Send, START, StateGraph } from '@langchain/langgraph'
import { z } from 'zod'

const Trail = z.object({
  start: z.number().default(0),
  trail: z.array(z.string()).default([]),
})

/** Three steps in a row, each of which leaves its name and what it counted to. */
export const steps = new StateGraph(Trail)
  .addNode('one', ({ trail, start }) => ({ trail: [...trail, `one ${start}`], start: start + 1 }))
  .addNode('two', ({ trail, start }) => ({ trail: [...trail, `two ${start}`], start: start + 1 }))
  .addNode('three', ({ trail, start }) => ({ trail: [...trail, `three ${start}`], start: start + 1 }))
  .addEdge(START, 'one')
  .addEdge('one', 'two')
  .addEdge('two', 'three')
  .addEdge('three', END)
  .compile()

const Work = Annotation.Root({
  jobs: Annotation<string[]>,
  job: Annotation<string>,
  done: Annotation<string[]>({ reducer: (before, after) => before.concat(after).sort(), default: () => [] }),
})

/** One branch for each job; a job that begins with `ask` waits for its answer. */
export const parallel = new StateGraph(Work)
  .addNode('work', ({ job }) => ({ done: [job.startsWith('ask') ? `${job}: ${String(interrupt({ job }))}` : job] }))
  .addNode('gather', ({ done }) => ({ done: [`all ${done.length}`] }))
  .addConditionalEdges(START, ({ jobs }) => (jobs ?? []).map((job) => new Send('work', { job })), ['work'])
  .addEdge('work', 'gather')
  .addEdge('gather', END)
  .compile()
