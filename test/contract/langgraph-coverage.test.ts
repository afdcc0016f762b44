import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { type Coverage, type CoverageTool, shownRows } from './coverage-tool.ts'
import { hasShared, LANGGRAPH_CONTRACT, SHARED } from './shared.ts'

const tool = 'tools/coverage.ts'

/** What today's SDKs call and the contract of 2024 does not have. */
const TODAY = [
  'GET /assistants/{assistant_id}/subgraphs',
  'GET /assistants/{assistant_id}/subgraphs/{namespace}',
  'GET /info',
  'GET /ok',
  'GET /runs/{run_id}/stream',
  'GET /store/items',
  'GET /threads/{thread_id}/runs/{run_id}/stream',
  'GET /threads/{thread_id}/stream',
  'DELETE /store/items',
  'PATCH /runs/crons/{cron_id}',
  'POST /assistants/count',
  'POST /assistants/{assistant_id}/latest',
  'POST /assistants/{assistant_id}/versions',
  'POST /runs',
  'POST /runs/batch',
  'POST /runs/cancel',
  'POST /runs/crons/count',
  'POST /runs/crons/search',
  'POST /store/items/search',
  'POST /store/namespaces',
  'POST /threads/count',
  'POST /threads/prune',
  'POST /threads/{thread_id}/copy',
  'POST /threads/{thread_id}/state/checkpoint',
  'PUT /store/items',
]

describe.skipIf(!hasShared(tool, 'coverage of the LangGraph contract'))('coverage of the LangGraph contract', () => {
  let served: Served
  let coverage: Coverage

  beforeAll(async () => {
    served = await serve()
    const { loadContract, compareContracts } = (await import(join(SHARED, tool))) as CoverageTool
    const documents = await Promise.all([loadContract(LANGGRAPH_CONTRACT), loadContract(`${served.url}/openapi/langgraph.json`)])
    coverage = compareContracts(...documents, { prefix: '/langgraph' })
  }, SERVER_START_MS)
  afterAll(() => served?.close())

  test('every operation of the contract is served', () => {
    expect(coverage.operations).toBe(31)
    expect(shownRows(coverage.missing)).toEqual([])
  })

  test('every served operation has all that the contract asks of it', () => {
    const problems = coverage.incomplete.flatMap(({ method, path, problems: found }) =>
      found.map(({ where, at, problem }) => `${method} ${path} ${where}: ${at}: ${problem}`),
    )
    expect(problems).toEqual([])
  })

  test('every operation that only the SDKs of today call is served too, and nothing else', () => {
    const extra = shownRows(coverage.extra).map((row) => row.replace('/langgraph', ''))
    expect(extra.sort()).toEqual([...TODAY].sort())
  })
})
