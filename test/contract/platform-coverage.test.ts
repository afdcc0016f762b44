import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { type Coverage, type CoverageTool, shownRows } from './coverage-tool.ts'
import { hasShared, PLATFORM_CONTRACT, readShared, SHARED } from './shared.ts'

const tool = 'tools/coverage.ts'

/** Parts of the contract that are not served yet. */
const LATER =
  'POST /webhooks/stripe|agents|billing|chat|contact|containers|conversations|status|storage|tools|vector-stores|workflows'.split('|')

/** Beside the contract. */
const OWN = ['POST /api/v1/auth/service-accounts/exchange']

interface Documented {
  paths: Record<string, Record<string, { tags?: string[] }>>
}

describe.skipIf(!hasShared(tool, 'coverage of the platform contract'))('coverage of the platform contract', () => {
  let served: Served
  let coverage: Coverage
  let later: string[]

  beforeAll(async () => {
    served = await serve()
    const { loadContract, compareContracts } = (await import(join(SHARED, tool))) as CoverageTool
    const source = `${served.url}/openapi/platform.json`
    coverage = compareContracts(await loadContract(PLATFORM_CONTRACT), await loadContract(source), {})
    const { paths } = (await readShared('contracts/platform/openapi.json')) as unknown as Documented
    later = Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).flatMap(([method, { tags = [] }]) => {
        const row = `${method.toUpperCase()} ${path}`
        return LATER.some((name) => name === row || tags.includes(name)) ? [row] : []
      }),
    )
  }, SERVER_START_MS)
  afterAll(() => served?.close())

  test('nothing is missing but the parts that are not served yet', () => {
    expect(coverage.operations).toBe(87)
    expect(later).toHaveLength(55)
    expect(shownRows(coverage.missing).sort()).toEqual(later.sort())
  })

  test('what is served is all that the contract asks of it', () => {
    const problems = coverage.incomplete.flatMap((row) =>
      row.problems.map((p) => `${row.method} ${row.path} ${p.where}: ${p.at}: ${p.problem}`),
    )
    expect(problems).toEqual([])
  })

  test('nothing stands beside the contract but what is ours', () => {
    const extra = shownRows(coverage.extra).filter((row) => row.includes('/auth/'))
    expect(extra.sort()).toEqual(OWN)
  })
})
