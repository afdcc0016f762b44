import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { openRelay, type Relay } from './langgraph-sdk-relay.ts'
import { GRAPHS, SDKS, says, type Version } from './langgraph-sdk-stage.ts'
import { openGate } from './use-stream/gates.ts'

let home: Served
beforeAll(async () => {
  home = await serve({}, { worker: true, langgraph: { graphs: GRAPHS } })
}, SERVER_START_MS)
afterAll(() => home?.close())

describe.each(Object.keys(SDKS) as Version[])('a client of langgraph-sdk %s whose server is shut down', (version) => {
  let leaving: Served
  let relay: Relay
  beforeAll(async () => {
    leaving = await serve({}, { beside: home, langgraph: { graphs: GRAPHS } })
    relay = await openRelay(`${leaving.url}/langgraph`)
  }, SERVER_START_MS)
  afterAll(() => relay?.close())

  test('goes on reading at another one, without gap or repeat', async () => {
    const client = new SDKS[version]({ apiUrl: relay.url, apiKey: home.key })
    const gate = crypto.randomUUID()
    const { thread_id } = await client.threads.create()
    // It is the server that goes away, not its client.
    const payload = { input: says(`hold ${gate} one two three four`), streamResumable: true, onDisconnect: 'cancel' as const }
    const words: string[] = []
    for await (const { event, data } of client.runs.stream(thread_id, 'held', { ...payload, streamMode: 'messages-tuple' })) {
      if (event !== 'messages') continue
      words.push(String((data as unknown as [{ content: string }])[0].content))
      if (words.length !== 2) continue
      relay.turn(home.url)
      void leaving.close().then(() => openGate(gate))
    }
    expect(words).toEqual(['one ', 'two ', 'three ', 'four'])
    expect(await client.runs.list(thread_id)).toMatchObject([{ status: 'success' }])
  })
})
