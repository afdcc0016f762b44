import { Fault } from '../core/fault.ts'
import type { Graphs } from '../core/graphs/graphs.ts'

const missing = (): never => {
  throw new Fault('unsupported', 'Graphs are not served yet.')
}

/** Stand-in until the real one is there. */
export const openGraphs = (): Graphs => ({
  list: () => [],
  has: () => false,
  drawing: missing,
  schemas: missing,
  subgraphs: missing,
  state: missing,
  history: missing,
  update: missing,
  replay: missing,
  heads: missing,
})
