import type { Config } from '../config.ts'
import { Fault } from '../core/fault.ts'
import { openRegistry } from '../engine/graphs/registry.ts'
import { type Finding, quiet } from './doctor-checks.ts'

/** Loads the graphs as the server would: what they do while they are loaded is done here too. */
export async function* graphs({ langgraph }: Config): AsyncGenerator<Finding> {
  if (langgraph.graphs === null) return
  try {
    const registry = await openRegistry({ graphs: langgraph.graphs, watch: false }, quiet)
    registry.close()
    const { problems } = registry
    for (const { message } of problems) yield { check: 'graphs', state: 'warn', found: message, hint: 'the others are served' }
    if (problems.length === 0)
      yield {
        check: 'graphs',
        state: 'ok',
        found: registry
          .list()
          .map(({ id }) => id)
          .join(', '),
      }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    yield { check: 'graphs', state: 'fail', found: error.message, hint: 'correct the file that --graphs names' }
  }
}
