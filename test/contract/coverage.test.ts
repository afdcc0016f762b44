import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { type Coverage, type CoverageTool, shownRows } from './coverage-tool.ts'
import { CONTRACT, hasShared, SHARED } from './shared.ts'

const tool = 'tools/coverage.ts'

describe.skipIf(!hasShared(tool, 'coverage of the contract'))('coverage of the contract', () => {
  let served: Served
  let coverage: Coverage

  beforeAll(async () => {
    served = await serve()
    const { loadContract, compareContracts } = (await import(join(SHARED, tool))) as CoverageTool
    const documents = await Promise.all([loadContract(CONTRACT), loadContract(`${served.url}/openapi/openai.json`)])
    coverage = compareContracts(...documents, {})
  }, SERVER_START_MS)
  afterAll(() => served?.close())

  test('every operation of the contract is served', () => {
    expect(coverage.operations).toBeGreaterThan(50)
    expect(shownRows(coverage.missing)).toEqual([])
  })

  test('every served operation has all that the contract asks of it', () => {
    const problems = coverage.incomplete.flatMap(({ method, path, problems: found }) =>
      found.map(({ where, at, problem }) => `${method} ${path} ${where}: ${at}: ${problem}`),
    )
    expect(problems).toEqual([])
  })

  test('the only operation beyond the contract is the stream of a run', () => {
    expect(shownRows(coverage.extra)).toEqual(['GET /v1/threads/{thread_id}/runs/{run_id}/stream'])
  })
})
