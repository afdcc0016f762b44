import { afterAll, beforeAll, expect, test } from 'bun:test'
import { completeToolOutput, getAction, listActions } from '../../../src/core/actions/actions.ts'
import { type NewRequest, requestAction, requireAction } from '../../../src/core/actions/requested.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { associate } from '../../../src/core/ownership/associations.ts'
import { own } from '../../../src/core/ownership/ownership.ts'
import { cancelPlanned, changeLabel } from '../../../src/core/runs/planned.ts'
import { createTool } from '../../../src/core/tools/tools.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { userOf } from '../../support/people.ts'
import { look, plan } from '../../support/planned.ts'
import { UNKNOWN_ID } from '../../support/runs.ts'

let app: TestApp
let caller: Caller
beforeAll(async () => {
  app = await openTestApp()
  caller = app.one
  await createTool(app, caller, { name: 'fetch', type: 'function', definition: null })
}, OPEN_MS)
afterAll(() => app.close())

const ask = (runId: string, more: Partial<NewRequest> = {}) =>
  requestAction(app, caller, { runId, toolName: 'fetch', arguments: { url: 'x' }, status: 'pending', expiresAt: null, ...more })

test('a client may ask for an action of a run that has not begun', async () => {
  const planned = await plan(app)
  const action = await ask(planned.id)
  expect(action).toMatchObject({ runId: planned.id, threadId: planned.threadId, callId: null, arguments: { url: 'x' }, status: 'pending' })
  expect(action.expiresAt).toBe((await look(app, planned)).planned?.plan.expiresAt ?? 0)
  expect((await look(app, planned)).actions).toEqual([action])
})

test("the assistant's tool goes before others of the name", async () => {
  const planned = await plan(app)
  const user = await userOf(app, caller)
  const tool = await createTool(app, user, { name: 'fetch', type: 'function', definition: null })
  await associate(app, caller, { kind: 'assistant_tool', from: planned.assistantId, to: tool.id })
  expect((await ask(planned.id)).toolId).toBe(tool.id)
})

test('an unknown tool and an unknown run are refused', async () => {
  const { id } = await plan(app)
  await expect(ask(id, { toolName: 'nothing' })).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'tool' } })
  await expect(ask(UNKNOWN_ID)).rejects.toMatchObject({ code: 'not_found', facts: { kind: 'run' } })
  expect(await listActions(app, caller, id)).toEqual([])
})

test('of a run that is over nothing can be asked for', async () => {
  const { id } = await plan(app)
  await cancelPlanned(app, caller, id)
  await expect(ask(id)).rejects.toMatchObject({ code: 'wrong_state', facts: { kind: 'run' } })
})

test('asking while the run is cancelled leaves nothing open', async () => {
  for (let round = 0; round < 10; round++) {
    const { id } = await plan(app)
    await Promise.allSettled([ask(id), cancelPlanned(app, caller, id), ask(id)])
    const { rows } = { rows: await app.records.db.query<{ status: string }>('select status from action where run_id = $1', [id]) }
    expect(rows.filter(({ status }) => status === 'pending')).toEqual([])
  }
})

test('it is never longer open than its run', async () => {
  const now = app.clock.now()
  const { id } = await plan(app, { expiresAt: now + 5000 })
  expect((await ask(id, { expiresAt: now + 1000 })).expiresAt).toBe(now + 1000)
  const long = await ask(id, { expiresAt: now + 9_000_000 })
  expect(long.expiresAt).toBe(now + 5000)
  app.clock.advance(5000)
  expect((await getAction(app, caller, long.id)).status).toBe('expired')
})

test('a run that was said to need actions is queued again once the last of them is done', async () => {
  const planned = await plan(app)
  const [one, two] = [await ask(planned.id), await ask(planned.id)]
  await changeLabel(app, caller, { id: planned.id, status: 'action_required' })
  const give = (toolId: string) => completeToolOutput(app, caller, { threadId: planned.threadId, toolId, content: 'done' })
  expect(await give(one.id)).toMatchObject({ messageId: null, again: false })
  expect((await look(app, planned)).label).toBe('action_required')
  await give(two.id)
  expect((await look(app, planned)).label).toBe('queued')
})

test('an action is there for whoever may use its thread, and missing for all others', async () => {
  const [owner, other] = [await userOf(app, caller), await userOf(app, caller)]
  const { id: runId, threadId } = await plan(app)
  await own(app, owner, { kind: 'thread', id: threadId })
  const { id } = await ask(runId)
  expect((await requireAction(app, owner, id)).id).toBe(id)
  expect((await requireAction(app, caller, id)).id).toBe(id)
  const missing = { code: 'not_found', facts: { kind: 'action', id } }
  await expect(requireAction(app, other, id)).rejects.toMatchObject(missing)
  await expect(requireAction(app, app.two, id)).rejects.toMatchObject(missing)
})
