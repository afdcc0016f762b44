import { Annotation, END, getStore, type LangGraphRunnableConfig, START, StateGraph } from '@langchain/langgraph'

const Notes = Annotation.Root({ user: Annotation<string>, note: Annotation<string | undefined>, notes: Annotation<string[]> })

/** Keeps `note` for `user` in the long-term store, then shows all of the user's notes. */
export const memory = new StateGraph(Notes)
  .addNode('keep', async ({ user, note }, { store }: LangGraphRunnableConfig) => {
    if (note) await store?.put(['notes', user], note.toLowerCase().replaceAll(/\W+/g, '-'), { note })
    return {}
  })
  .addNode('recall', async ({ user }) => {
    const items = (await getStore()?.search(['notes', user], { limit: 100 })) ?? []
    return { notes: items.map(({ value }) => String(value.note)).sort() }
  })
  .addEdge(START, 'keep')
  .addEdge('keep', 'recall')
  .addEdge('recall', END)
  .compile()
