import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { CONTRACT, hasShared, SHARED } from './shared.ts'

interface Row {
  method: string
  path: string
}

/** What is used of ../shared/tools/coverage.ts. */
interface CoverageTool {
  loadContract(source: string): Promise<object>
  compareContracts(
    contract: object,
    served: object,
    options: { prefix?: string },
  ): {
    operations: number
    missing: Row[]
    incomplete: (Row & { problems: { where: string; at: string; problem: string }[] })[]
    extra: Row[]
  }
}

const tool = 'tools/coverage.ts'

describe.skipIf(!hasShared(tool, 'coverage of the contract'))('coverage of the contract', () => {
  let served: Served
  let coverage: ReturnType<CoverageTool['compareContracts']>

  beforeAll(async () => {
    served = await serve()
    const { loadContract, compareContracts } = (await import(join(SHARED, tool))) as CoverageTool
    const documents = await Promise.all([loadContract(CONTRACT), loadContract(`${served.url}/openapi/openai.json`)])
    coverage = compareContracts(...documents, {})
  }, SERVER_START_MS)
  afterAll(() => served?.close())

  const shown = (rows: readonly Row[]): string[] => rows.map(({ method, path }) => `${method} ${path}`)

  test('every operation of the contract is served', () => {
    expect(coverage.operations).toBeGreaterThan(50)
    expect(shown(coverage.missing)).toEqual([])
  })

  test('every served operation has all that the contract asks of it', () => {
    const problems = coverage.incomplete.flatMap(({ method, path, problems: found }) =>
      found.map(({ where, at, problem }) => `${method} ${path} ${where}: ${at}: ${problem}`),
    )
    expect(problems).toEqual([])
  })

  test('the only operation beyond the contract is the stream of a run', () => {
    expect(shown(coverage.extra)).toEqual(['GET /v1/threads/{thread_id}/runs/{run_id}/stream'])
  })
})
