import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { JsonObject } from '../../src/core/json.ts'
import { eventually } from '../support/eventually.ts'
import { SERVER_START_MS, type Served, serve, through } from '../support/served.ts'
import { ROOT } from '../support/source-tree.ts'
import { LANGGRAPH } from './langgraph-terms.ts'
import { countedLine, neverSucceeded, okOf, openPlays, refusedWith } from './plays.ts'
import { type CheckedTraffic, checkTraffic, hasProxy, violationsOf } from './proxy.ts'

const GRAPHS = join(ROOT, 'test/support/graphs/langgraph.json')
const ALL_MS = 60_000
const HELLO = { messages: [{ role: 'user', content: 'hello' }] }
const NOBODY = 'fe096781-5601-53d2-b2f6-000000000000'

describe.skipIf(!hasProxy)('all LangGraph traffic keeps the contract of 2024', () => {
  let served: Served
  let proxy: CheckedTraffic
  let client: Served

  beforeAll(async () => {
    served = await serve({}, { worker: true, langgraph: { graphs: GRAPHS } })
    proxy = checkTraffic(`${served.url}/langgraph`, LANGGRAPH)
    client = through(served, proxy.url)
  }, SERVER_START_MS)
  afterAll(async () => {
    await proxy?.stop()
    await served?.close()
  })

  const ok = (method: string, path: string, body?: unknown): Promise<JsonObject> =>
    okOf(`${method} ${path}`, client.send(method, path, body))
  const refused = (status: number, method: string, path: string, body?: unknown): Promise<void> =>
    refusedWith(status, `${method} ${path}`, client.send(method, path, body))
  const newThread = async (): Promise<string> => String((await ok('POST', '/threads', {})).thread_id)
  const reached = (path: string, statuses: string[]): Promise<JsonObject> =>
    eventually(async () => {
      const run = await ok('GET', path)
      return statuses.includes(String(run.status)) ? run : undefined
    })

  const { play, allTraffic } = openPlays(() => proxy, ALL_MS)

  play('assistants are made, found, looked into, changed and removed', async () => {
    const { assistant_id: id } = await ok('POST', '/assistants', { graph_id: 'echo', config: { tags: ['a'] }, metadata: { a: 1 } })
    await ok('POST', '/assistants/search', { metadata: { a: 1 }, limit: 5, offset: 0 })
    await ok('GET', `/assistants/${id}`)
    await ok('GET', `/assistants/${id}/graph`)
    await ok('GET', `/assistants/${id}/schemas`)
    await ok('PATCH', `/assistants/${id}`, { config: { configurable: { b: 2 } }, metadata: { b: 2 } })
    await ok('DELETE', `/assistants/${id}`)
    await refused(404, 'GET', `/assistants/${id}`)
    await refused(422, 'POST', '/assistants', {})
  })

  play('threads are made, found, changed and removed', async () => {
    const { thread_id: id } = await ok('POST', '/threads', { metadata: { a: 1 } })
    await ok('POST', '/threads/search', { metadata: { a: 1 }, limit: 5 })
    await ok('GET', `/threads/${id}`)
    await ok('PATCH', `/threads/${id}`, { metadata: { b: 2 } })
    await ok('GET', `/threads/${id}/state`)
    await ok('GET', `/threads/${id}/history`)
    await ok('DELETE', `/threads/${id}`)
    await refused(404, 'GET', `/threads/${id}`)
    await refused(422, 'GET', '/threads/x')
  })

  play('runs of a thread are waited for, streamed, listed, joined and removed', async () => {
    const id = await newThread()
    await ok('POST', `/threads/${id}/runs/wait`, { assistant_id: 'echo', input: HELLO, metadata: { a: 1 } })
    const modes = ['values', 'updates', 'messages', 'events', 'debug']
    await ok('POST', `/threads/${id}/runs/stream`, { assistant_id: 'echo', input: HELLO, stream_mode: modes, feedback_keys: ['f'] })
    const run = await ok('POST', `/threads/${id}/runs`, { assistant_id: 'echo', input: HELLO, config: { tags: ['t'] } })
    const at = `/threads/${id}/runs/${run.run_id}`
    await ok('GET', `${at}/join`)
    await reached(at, ['success'])
    await ok('GET', `/threads/${id}/runs?limit=2&offset=1`)
    await ok('DELETE', at)
    await refused(404, 'GET', at)
    await refused(404, 'GET', `/threads/${NOBODY}/runs`)
    await refused(422, 'POST', `/threads/${id}/runs`, { input: HELLO })
  })

  play('the state of a thread is read at every checkpoint, changed and annotated', async () => {
    const id = await newThread()
    await ok('POST', `/threads/${id}/runs/wait`, { assistant_id: 'echo', input: HELLO })
    const state = await ok('GET', `/threads/${id}/state`)
    await ok('GET', `/threads/${id}/state/${state.checkpoint_id}`)
    await ok('GET', `/threads/${id}/history?limit=2&before=${state.checkpoint_id}`)
    await ok('POST', `/threads/${id}/history`, { limit: 10 })
    await ok('POST', `/threads/${id}/state`, { values: { messages: [{ role: 'user', content: 'more' }] }, as_node: 'answer' })
    await ok('PATCH', `/threads/${id}/state`, { metadata: { checked: true } })
    await refused(422, 'POST', `/threads/${id}/state`, { values: {}, as_node: 'nobody' })
  })

  play('a run is cancelled, an error is told, and a second run is refused', async () => {
    const id = await newThread()
    const run = await ok('POST', `/threads/${id}/runs`, { assistant_id: 'delay', input: { delay_ms: 600_000 } })
    const at = `/threads/${id}/runs/${run.run_id}`
    await reached(at, ['running'])
    await refused(409, 'POST', `/threads/${id}/runs`, { assistant_id: 'delay', input: {} })
    await ok('POST', `${at}/cancel?wait=1`)
    await reached(at, ['interrupted'])
    await ok('POST', `/threads/${await newThread()}/runs/wait`, { assistant_id: 'failing', input: { count: 0 } })
  })

  play('runs without a thread are waited for and streamed', async () => {
    await ok('POST', '/runs/wait', { assistant_id: 'echo', input: HELLO })
    await ok('POST', '/runs/stream', { assistant_id: 'echo', input: HELLO, stream_mode: 'updates' })
  })

  play('crons are made, with a thread and without, and removed', async () => {
    const id = await newThread()
    const assistant = await ok('GET', '/assistants/echo')
    const body = { schedule: '0 0 1 1 *', assistant_id: assistant.assistant_id, input: HELLO, metadata: { a: 1 } }
    const crons = [await ok('POST', `/threads/${id}/runs/crons`, body), await ok('POST', '/runs/crons', body)]
    for (const cron of crons) await ok('DELETE', `/runs/crons/${cron.cron_id}`)
    await refused(404, 'DELETE', `/runs/crons/${NOBODY}`)
    await refused(422, 'POST', '/runs/crons', { ...body, schedule: 'never' })
  })

  test(
    'every operation was touched and succeeded',
    async () => {
      const report = await allTraffic()
      expect(report.operations).toHaveLength(31)
      expect(neverSucceeded(report)).toEqual([])
    },
    ALL_MS,
  )

  test(
    'nothing that was answered broke the contract beyond its known defects',
    async () => {
      const report = await allTraffic()
      console.log(countedLine(report))
      expect(violationsOf(report, LANGGRAPH)).toEqual([])
    },
    ALL_MS,
  )
})
