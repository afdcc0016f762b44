import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openapiDocument } from '../../src/http/openapi.ts'
import { entities } from '../../src/surfaces/entities/entities.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { type Coverage, type CoverageTool, shownRows } from './coverage-tool.ts'
import { ENTITIES_CONTRACT, hasShared, SHARED } from './shared.ts'

const tool = 'tools/coverage.ts'

/** What the Python SDK calls beside the contract. */
const ALIASES = [
  'DELETE /assistants/{assistant_id}',
  'DELETE /messages/{message_id}',
  'DELETE /runs/{run_id}',
  'GET /runs',
  'GET /users/{user_id}/threads',
  'POST /threads/{thread_id}',
  'PUT /messages/{message_id}',
]

/** Of the contract, and the same operations as those without /v1. */
const FILES_V1 = ['GET /v1/files/download', 'GET /v1/uploads/{file_id}/base64', 'GET /v1/uploads/{file_id}/signed-url']

describe.skipIf(!hasShared(tool, 'coverage of the Entities contract'))('coverage of the Entities contract', () => {
  let served: Served
  let dir: string
  let compare: (source: string, prefix: string) => Promise<Coverage>

  beforeAll(async () => {
    served = await serve()
    dir = mkdtempSync(join(tmpdir(), 'tetraport-documents-'))
    const { loadContract, compareContracts } = (await import(join(SHARED, tool))) as CoverageTool
    const contract = await loadContract(ENTITIES_CONTRACT)
    compare = async (source, prefix) => compareContracts(contract, await loadContract(source), { prefix })
  }, SERVER_START_MS)
  afterAll(async () => {
    await served?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  /** All routes there are, under their whole paths: what the served document leaves out as double is in it. */
  async function everyRoute(): Promise<string> {
    const path = join(dir, 'all.json')
    await Bun.write(path, JSON.stringify(openapiDocument({ title: 'Entities', version: 'test', plugin: entities(served.app) })))
    return path
  }

  const problemsOf = ({ incomplete }: Coverage): string[] =>
    incomplete.flatMap(({ method, path, problems }) =>
      problems.map(({ where, at, problem }) => `${method} ${path} ${where}: ${at}: ${problem}`),
    )

  for (const prefix of ['/entities', '/entities/v1'])
    test(`every operation is served under ${prefix}, with all that the contract asks of it`, async () => {
      const coverage = await compare(await everyRoute(), prefix)
      expect(coverage.operations).toBe(72)
      expect(shownRows(coverage.missing)).toEqual([])
      expect(problemsOf(coverage)).toEqual([])
    })

  test('the served document says so too, and has nothing beside it but what the SDK calls', async () => {
    const coverage = await compare(`${served.url}/openapi/entities.json`, '/entities')
    expect(shownRows(coverage.missing)).toEqual([])
    expect(problemsOf(coverage)).toEqual([])
    expect(shownRows(coverage.extra).sort()).toEqual([...ALIASES, ...FILES_V1].sort())
  })
})
