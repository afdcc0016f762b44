import { afterAll, beforeAll, expect, test } from 'bun:test'
import { actionId, outputMessageId } from '../../../src/core/actions/action-ids.ts'
import { ensureActions, getAction, outputsOf } from '../../../src/core/actions/actions.ts'
import { answeredAction, openOutputs, postToolMessage } from '../../../src/core/actions/tool-messages.ts'
import { ownerOf } from '../../../src/core/ownership/ownership.ts'
import { submitOutputs } from '../../../src/core/runs/outputs.ts'
import { getThread } from '../../../src/core/threads/threads.ts'
import { findMessage, listTranscript } from '../../../src/core/threads/transcript.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { callsFunctions, currentRun, type Started, startRun, storyOf, untilEnd } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

async function waiting(...ids: string[]): Promise<Started & { actions: string[] }> {
  const started = await startRun(app, { turns: [callsFunctions(...ids), { text: ['found'] }] })
  await storyOf(app, started)
  await ensureActions(app, app.one, await currentRun(app, started))
  return { ...started, actions: ids.map((id) => actionId(started.run.id, id)) }
}

const post = (threadId: string, content: string, toolId?: string) =>
  postToolMessage(app, app.one, { toolId, post: { threadId, role: 'tool', content, metadata: {}, facts: { toolId: toolId ?? '' } } })

const openOf = async ({ threadId }: Started) => openOutputs(app, app.one, await getThread(app, app.one, threadId))

async function goOn(started: Started): Promise<void> {
  const run = await currentRun(app, started)
  const outputs = outputsOf(run, await ensureActions(app, app.one, run)) ?? []
  await submitOutputs(app, app.one, { threadId: started.threadId, id: run.id, outputs })
  await untilEnd(app, started)
}

test('the answer to an action is a message at once, and the same one once the run has gone on', async () => {
  const started = await waiting('c1')
  const [action = ''] = started.actions
  const { message, owned } = await post(started.threadId, 'here', action)
  expect(message).toMatchObject({ id: outputMessageId({ id: action }), role: 'tool', content: 'here', runId: started.run.id })
  expect(await getAction(app, app.one, action)).toMatchObject({ status: 'completed', output: 'here' })
  expect(await openOf(started)).toMatchObject([{ id: message.id, content: 'here', callId: 'c1' }])
  await goOn(started)
  expect(await openOf(started)).toEqual([])
  const all = await listTranscript(app, app.one, { threadId: started.threadId, order: 'asc', limit: 10 })
  expect(all.map(({ role, content }) => `${role}: ${content}`)).toEqual([
    'user: hello there',
    'assistant: ',
    'tool: here',
    'assistant: found',
  ])
  const written = all[2] ?? message
  expect(written.id).toBe(message.id)
  expect(answeredAction(written)).toBe(action)
  expect(await ownerOf(app, app.one, { kind: 'message', id: message.id })).toEqual(owned)
})

test('an answer that is sent again, before and after the run goes on, is the first one', async () => {
  const started = await waiting('c1')
  const [action = ''] = started.actions
  const first = await post(started.threadId, 'one', action)
  const again = await post(started.threadId, 'two', action)
  expect([again.message.id, again.message.content]).toEqual([first.message.id, 'one'])
  await goOn(started)
  const late = await post(started.threadId, 'three', action)
  expect([late.message.id, late.message.content]).toEqual([first.message.id, 'one'])
  expect(await listTranscript(app, app.one, { threadId: started.threadId, order: 'asc', limit: 10 })).toHaveLength(4)
})

test('ten answers to one action at once are one', async () => {
  const started = await waiting('c1')
  const [action = ''] = started.actions
  const posted = await Promise.all(Array.from({ length: 10 }, (_, i) => post(started.threadId, `${i}`, action)))
  expect(new Set(posted.map(({ message }) => `${message.id} ${message.content}`)).size).toBe(1)
  expect(await openOf(started)).toHaveLength(1)
})

test('what stands open is in the order of the calls, and only what was answered', async () => {
  const started = await waiting('c1', 'c2', 'c3')
  const [a = '', , c = ''] = started.actions
  await post(started.threadId, 'third', c)
  await post(started.threadId, 'first', a)
  expect((await openOf(started)).map(({ content }) => content)).toEqual(['first', 'third'])
})

test('a tool message for no action is a message of its own, and refused while a run holds the thread', async () => {
  const started = await waiting('c1')
  await expect(post(started.threadId, 'x')).rejects.toMatchObject({ code: 'busy', facts: { runId: started.run.id } })
  const [action = ''] = started.actions
  await post(started.threadId, 'here', action)
  await goOn(started)
  const { message } = await post(started.threadId, 'more')
  expect(message).toMatchObject({ role: 'tool', callId: null, runId: null })
  expect(answeredAction(message)).toBeUndefined()
  expect(await findMessage(app, app.one, { threadId: started.threadId, id: message.id })).toMatchObject({ content: 'more' })
})

test("an action of another thread or tenant is none of this one's", async () => {
  const started = await waiting('c1')
  const other = await waiting('c1')
  const [action = ''] = other.actions
  await expect(post(started.threadId, 'x', action)).rejects.toMatchObject({ code: 'busy' })
  const foreign = postToolMessage(app, app.two, {
    toolId: action,
    post: { threadId: other.threadId, role: 'tool', content: 'x', metadata: {}, facts: {} },
  })
  await expect(foreign).rejects.toMatchObject({ code: 'not_found' })
  expect((await getAction(app, app.one, action)).status).toBe('pending')
})
