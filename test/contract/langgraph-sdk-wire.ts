import { expect } from 'bun:test'
import { newThread, type Plays, refusal, type Stage, says } from './langgraph-sdk-stage.ts'

/** A client as it comes, and how often it asked. */
function counting(stage: Stage) {
  let asked = 0
  const fetchOnce = ((...args: Parameters<typeof fetch>) => {
    asked += 1
    return fetch(...args)
  }) as typeof fetch
  return { client: stage.open({}, { fetch: fetchOnce }), asked: () => asked }
}

export const wirePlays: Plays = {
  'a refusal is told at once: the client does not ask again': async (stage) => {
    const threadId = await newThread(stage)
    const { client, asked } = counting(stage)
    expect(await refusal(client.threads.get('00000000-0000-4000-8000-000000000000'))).toStartWith('HTTP 404: ')
    expect(await refusal(client.threads.create({ threadId }))).toStartWith('HTTP 409: ')
    expect(await refusal(client.runs.create(threadId, 'steps', { multitaskStrategy: 'never' as never }))).toStartWith('HTTP 422: ')
    expect(await refusal(client.threads.updateState(threadId, { values: {} }))).toStartWith('HTTP 400: ')
    expect(asked()).toBe(4)
    const stranger = stage.open({ apiKey: 'nobody' })
    expect(await refusal(stranger.threads.search())).toStartWith('HTTP 401: {"detail":')
  },

  'a beacon is text, and read as JSON': async (stage) => {
    const threadId = await newThread(stage)
    const { run_id: runId } = await stage.client.runs.create(threadId, 'delay', { input: { delay_ms: 600_000 } })
    const headers = { 'content-type': 'text/plain;charset=UTF-8' }
    const body = JSON.stringify({ thread_id: threadId, run_ids: [runId] })
    expect((await stage.send('POST', '/runs/cancel', { body, headers })).status).toBe(204)
    const found = await stage.send('POST', '/threads/search', { body: JSON.stringify({ ids: [threadId] }), headers })
    expect(await found.json()).toMatchObject([{ thread_id: threadId }])
  },

  'a run is named so that a client finds it again': async (stage) => {
    const threadId = await newThread(stage)
    const body = (more: object) => ({ body: JSON.stringify({ assistant_id: 'steps', input: {}, ...more }) })
    const created = await stage.send('POST', `/threads/${threadId}/runs`, body({}))
    const { run_id } = (await created.json()) as { run_id: string }
    // As the SDKs read it.
    const named = /(\/threads\/(?<thread_id>.+))?\/runs\/(?<run_id>.+)/.exec(created.headers.get('content-location') ?? '')
    expect({ ...named?.groups }).toEqual({ thread_id: threadId, run_id })
    await stage.client.runs.join(threadId, run_id)
    const streamed = await stage.send('POST', `/threads/${threadId}/runs/stream`, body({ stream_resumable: true }))
    const path = streamed.headers.get('location') ?? ''
    const whole = await streamed.text()
    const again = await stage.send('GET', path)
    expect([again.status, await again.text()]).toEqual([200, whole])
    const waited = await stage.send('POST', `/threads/${threadId}/runs/wait`, body({}))
    const values = await waited.json()
    expect(await (await stage.send('GET', waited.headers.get('location') ?? '')).json()).toEqual(values)
  },

  'a page may read what it needs of an answer, from any place': async (stage) => {
    const threadId = await newThread(stage)
    const headers = { origin: 'http://elsewhere.example' }
    const answer = await stage.send('POST', `/threads/${threadId}/runs/stream`, {
      body: JSON.stringify({ assistant_id: 'echo', input: says('x') }),
      headers,
    })
    const exposed = answer.headers.get('access-control-expose-headers')?.split(', ') ?? []
    expect(exposed).toEqual(expect.arrayContaining(['content-location', 'location', 'x-pagination-total', 'x-pagination-next']))
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    await answer.text()
    const asks = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,last-event-id,x-api-key,x-mine',
    }
    const preflight = await stage.send('OPTIONS', `/threads/${threadId}/runs/stream`, { headers: { ...headers, ...asks } })
    const allowed = preflight.headers.get('access-control-allow-headers')?.split(', ') ?? []
    expect(allowed).toEqual(expect.arrayContaining(['content-type', 'last-event-id', 'x-api-key', 'x-mine']))
  },

  'protocol v2 and components are refused by name': async (stage) => {
    const { beyond: client, version } = stage
    expect(await refusal(client['~ui'].getComponent('echo', 'card'))).toStartWith('HTTP 501: {"detail":')
    if (version === '2.0.0') return
    const thread = client.threads.stream(await newThread(stage), { assistantId: 'echo' })
    expect(await refusal(thread.run.start({ input: says('x') }))).toMatch(/^HTTP 501: .*Protocol v2/)
    await thread.close()
  },
}
