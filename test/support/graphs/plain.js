import { Annotation, END, START, StateGraph } from '@langchain/langgraph'
import words from './parts/words.json' with { type: 'json' }

const State = Annotation.Root({ word: Annotation })

/** A builder in JavaScript, of a node that reads a file beside it. */
export const plain = new StateGraph(State)
  .addNode('say', () => ({ word: words.word }))
  .addEdge(START, 'say')
  .addEdge('say', END)
