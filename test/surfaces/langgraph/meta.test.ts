import { afterAll, beforeAll, expect, test } from 'bun:test'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

let served: Served
beforeAll(async () => {
  served = await serve()
}, SERVER_START_MS)
afterAll(() => served?.close())

const ask = (path: string) => fetch(`${served.url}/langgraph${path}`)

test('health needs no key, also where it asks the database', async () => {
  for (const path of ['/ok', '/ok?check_db=1', '/ok?check_db=0']) {
    const answer = await ask(path)
    expect([path, answer.status, await answer.json()]).toEqual([path, 200, { ok: true }])
  }
})

test('the server says what it is and can do, without a key', async () => {
  expect(await (await ask('/info')).json()).toEqual({
    version: 'test',
    context: 'js',
    flags: { assistants: true, crons: true, langsmith: false, langsmith_tracing_replicas: false },
  })
})
