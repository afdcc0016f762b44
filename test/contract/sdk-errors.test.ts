import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { type CheckedTraffic, checkTraffic, hasProxy, violationsOf } from './proxy.ts'
import { refusedBy, SDKS, type Sdk } from './sdk.ts'

const SCRIPTS: Record<string, ScriptTurn[]> = {
  caller: [{ calls: ['Oslo', 'Rome'].map((city) => ({ id: `call_${city}1`, name: 'get_weather', arguments: { city } })) }],
}

let served: Served
/** Where the clients talk to: all they say and hear is held against the contract, where that is at hand. */
let proxy: CheckedTraffic | undefined
let baseURL: string

beforeAll(async () => {
  served = await serve({ scripts: SCRIPTS }, { worker: true })
  if (hasProxy) proxy = checkTraffic(served.url)
  baseURL = `${proxy?.url ?? served.url}/v1`
}, SERVER_START_MS)
afterAll(async () => {
  const heard = await proxy?.stop()
  await served.close()
  if (heard) expect(violationsOf(heard)).toEqual([])
})

for (const [version, open] of Object.entries(SDKS)) {
  describe(version, () => {
    let sdk: Sdk
    let beta: Sdk['client']['beta']

    beforeAll(() => {
      sdk = open({ baseURL, apiKey: served.key })
      beta = sdk.client.beta
    })

    const started = async (model: string) => {
      const assistant = await beta.assistants.create({ model })
      const thread = await beta.threads.create({ messages: [{ role: 'user', content: 'hi' }] })
      return { assistant_id: assistant.id, threadId: thread.id }
    }
    const refused = (call: Promise<unknown>) => refusedBy(sdk, call)

    test('states that refuse a call say so in the exact words', async () => {
      const { threadId, ...body } = await started('caller')
      const run = await beta.threads.runs.createAndPoll(threadId, body)
      const sentences: [() => Promise<unknown>, string][] = [
        [
          () => beta.threads.messages.create(threadId, { role: 'user', content: 'x' }),
          `Can't add messages to ${threadId} while a run ${run.id} is active.`,
        ],
        [() => beta.threads.runs.create(threadId, body), `Thread ${threadId} already has an active run ${run.id}.`],
        [
          () => sdk.submitAndPoll(threadId, run.id, [{ tool_call_id: 'call_Oslo1', output: 'x' }]),
          "Expected tool outputs for call_ids ['call_Oslo1', 'call_Rome1'], got ['call_Oslo1']",
        ],
      ]
      for (const [call, sentence] of sentences) {
        const error = await refused(call())
        expect(error).toBeInstanceOf(sdk.errors.BadRequestError)
        expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', code: null, param: null })
        expect((error.error as { message: string }).message).toBe(sentence)
      }
      await sdk.cancelRun(threadId, run.id)
      await sdk.pollRun(threadId, run.id)
      const late = await refused(sdk.submitAndPoll(threadId, run.id, []))
      expect(late.message).toBe('400 Runs in status "cancelled" do not accept tool outputs.')
      expect((await refused(sdk.cancelRun(threadId, run.id))).message).toBe("400 Cannot cancel run with status 'cancelled'.")
    })

    test('wrong requests are typed exceptions that name what is wrong', async () => {
      const { threadId } = await started('echo')
      const none = `_${'0'.repeat(32)}`
      const missing = await refused(beta.assistants.retrieve(`asst${none}`))
      expect(missing).toBeInstanceOf(sdk.errors.NotFoundError)
      expect(missing).toMatchObject({ status: 404, type: 'invalid_request_error', code: null, param: null })
      expect(missing.message).toBe(`404 No assistant found with id 'asst${none}'.`)
      expect((missing as { requestID?: string; request_id?: string }).requestID ?? Reflect.get(missing, 'request_id')).toBeString()
      expect((await refused(sdk.getRun(threadId, `run${none}`))).message).toBe(`404 No run found with id 'run${none}'.`)

      const unknown = await refused(beta.assistants.create({ model: 'echo', ...{ colour: 'red' } }))
      expect(unknown).toBeInstanceOf(sdk.errors.BadRequestError)
      expect(unknown).toMatchObject({ code: 'unknown_parameter', param: 'colour', message: "400 Unknown parameter: 'colour'." })
      const typed = await refused(beta.assistants.create({ model: 7 as unknown as string }))
      expect(typed).toMatchObject({ code: 'invalid_type', param: 'model' })
      expect(typed.message).toBe("400 Invalid type for 'model': expected a string, but got an integer instead.")
      const bare = await refused(beta.threads.runs.create(threadId, {} as { assistant_id: string }))
      expect(bare).toMatchObject({ code: 'missing_required_parameter', message: "400 Missing required parameter: 'assistant_id'." })
      const prefix = await refused(beta.threads.retrieve('foo'))
      expect(prefix.message).toBe("400 Invalid 'thread_id': 'foo'. Expected an ID that begins with 'thread'.")
      const limit = await refused(beta.assistants.list({ limit: 101 }))
      expect(limit).toMatchObject({ code: 'integer_above_max_value', param: 'limit' })
      expect(limit.message).toBe("400 Invalid 'limit': integer above maximum value. Expected a value <= 100, but got 101 instead.")

      const stranger = open({ baseURL, apiKey: 'sk-nobody-knows-this-key-0000' })
      const nobody = await refused(stranger.client.beta.assistants.list())
      expect(nobody).toBeInstanceOf(sdk.errors.AuthenticationError)
      expect(nobody).toMatchObject({ status: 401, code: 'invalid_api_key', type: 'invalid_request_error' })
      expect(nobody.message).toStartWith('401 Incorrect API key provided: sk-n********0000.')
      // Past the proxy, for which any 501 breaks the contract.
      const direct = open({ baseURL: `${served.url}/v1`, apiKey: served.key })
      const hosted = await refused(direct.client.beta.assistants.create({ model: 'echo', tools: [{ type: 'code_interpreter' }] }))
      expect(hosted).toBeInstanceOf(sdk.errors.InternalServerError)
      expect(hosted.status).toBe(501)
    })

    test('a key of a reader may read and not write', async () => {
      const key = await served.newKey('one', { scopes: ['read'] })
      const reader = open({ baseURL, apiKey: key }).client.beta
      expect((await reader.assistants.list({ limit: 1 })).data.length).toBe(1)
      expect(await refused(reader.threads.create({}))).toBeInstanceOf(sdk.errors.PermissionDeniedError)
    })
  })
}
