import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createAssistant, listAssistants } from '../../../src/core/assistants/assistants.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { Fault } from '../../../src/core/fault.ts'
import { once, onceCalled, onceKept, purgeAnswers } from '../../../src/core/idempotency/idempotency.ts'
import type { Parts } from '../../../src/core/needs.ts'
import { createRun, createThreadRun } from '../../../src/core/runs/create.ts'
import { createThread, getThread } from '../../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { sketch, startRun, storyOf, until } from '../../support/runs.ts'

let app: TestApp
let other: TestApp
beforeAll(async () => {
  app = await openTestApp({ shared: true })
  other = await app.replica({ slots: 0 })
}, OPEN_MS)
afterAll(() => app.close())

const request = (key: string, body: unknown = { a: 1 }, route = 'POST /x') => ({ key, route, body })
const make = (caller: Caller) => (parts: Parts) => createAssistant(parts, caller, { model: 'm' })
const count = async (caller: Caller) => (await listAssistants(app, caller, { limit: 100, order: 'asc' })).items.length
const reused = { code: 'key_reused', facts: { param: 'Idempotency-Key' } }

test('the same request gets the same result, and its effect is there once', async () => {
  const caller = await app.newTenant()
  const first = await once(app, caller, request('k'), make(caller))
  expect(await once(app, caller, request('k'), make(caller))).toEqual(first)
  expect(await count(caller)).toBe(1)
})

test('another body under the same key is refused by name, without an effect', async () => {
  const caller = await app.newTenant()
  await once(app, caller, request('k', { a: 1 }), make(caller))
  for (const body of [{ a: 2 }, undefined, null, { a: 1, b: 1 }]) {
    await expect(once(app, caller, { ...request('k'), body }, make(caller))).rejects.toMatchObject(reused)
    await expect(onceCalled(app, caller, { ...request('k'), body }, make(caller))).rejects.toMatchObject(reused)
  }
  expect(await count(caller)).toBe(1)
})

test('another route and another tenant do not share a key', async () => {
  const [caller, stranger] = [await app.newTenant(), await app.newTenant()]
  await once(app, caller, request('k'), make(caller))
  await once(app, caller, request('k', { a: 2 }, 'POST /y'), make(caller))
  await once(app, stranger, request('k', { a: 3 }), make(stranger))
  expect([await count(caller), await count(stranger)]).toEqual([2, 1])
})

test.each(['', 'x'.repeat(256)])('a key of a bad length is refused', async (key) => {
  await expect(once(app, app.one, request(key), make(app.one))).rejects.toMatchObject({ code: 'invalid' })
  await expect(onceCalled(app, app.one, request(key), make(app.one))).rejects.toMatchObject({ code: 'invalid' })
})

test('duplicates at the same time, over two processes, run the effect once and get the same result', async () => {
  const caller = await app.newTenant()
  const results = await Promise.all(Array.from({ length: 10 }, (_, i) => once(i % 2 ? app : other, caller, request('k'), make(caller))))
  expect(new Set(results.map((r) => r.id)).size).toBe(1)
  expect(await count(caller)).toBe(1)
})

test('a fault keeps neither the effect nor the key', async () => {
  const caller = await app.newTenant()
  const failing = async (parts: Parts) => {
    await make(caller)(parts)
    throw new Fault('invalid', 'after the effect')
  }
  await expect(once(app, caller, request('k'), failing)).rejects.toMatchObject({ code: 'invalid' })
  expect(await count(caller)).toBe(0)
  await once(app, caller, request('k', { another: 'body' }), make(caller))
  expect(await count(caller)).toBe(1)
})

test('a process that dies before the commit keeps nothing, and one that dies after it leaves its result to the next', async () => {
  const caller = await app.newTenant()
  const [early, late] = [await app.replica({ slots: 0 }), await app.replica({ slots: 0 })]
  const [stuck, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const lost = once(early, caller, request('early'), async (parts) => {
    await make(caller)(parts)
    stuck.resolve()
    await gate.promise
  }).catch(() => 'lost')
  await stuck.promise
  // As when the process ends: its connection breaks off.
  await app.records.db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
  )
  gate.resolve()
  expect(await lost).toBe('lost')
  expect(await count(caller)).toBe(0)
  const kept = await once(late, caller, request('late'), make(caller))
  late.die()
  expect(await once(app, caller, request('late'), make(caller))).toEqual(kept)
  await once(app, caller, request('early'), make(caller))
  expect(await count(caller)).toBe(2)
})

test('results that JSON can hold come back as they were', async () => {
  const caller = await app.newTenant()
  const value = { text: 'nul \u0000 half \ud800', list: [1, null, { deep: true }], at: 1.5 }
  expect(await once(app, caller, request('v'), async () => value)).toEqual(value)
  expect(await once(app, caller, request('v'), async () => ({}) as typeof value)).toEqual(value)
})

test('a run made under a key starts only when the commit is done, and once', async () => {
  const { assistant, model } = await startRun(app, { turns: [{ text: ['x'] }] })
  const { id: threadId } = await createThread(app, app.one, {})
  const before = app.models.requestsTo(model).length
  const inside = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const effect = async (parts: Parts) => {
    const created = await createRun(parts, app.one, { threadId, run: { assistantId: assistant.id, options: {} } })
    inside.resolve()
    await gate.promise
    return created
  }
  const first = once(app, app.one, request('run'), effect)
  await inside.promise
  expect((await getThread(other, app.one, threadId)).status).toBe('idle')
  expect(app.models.requestsTo(model)).toHaveLength(before)
  gate.resolve()
  const created = await first
  const again = await once(app, app.one, request('run'), effect)
  expect(again.run).toEqual(created.run)
  expect(sketch(await storyOf(app, { caller: app.one, run: created.run })).at(-1)).toBe('run completed')
  expect(app.models.requestsTo(model)).toHaveLength(before + 1)
})

test('a run whose request fails after it was made leaves no trace, and its place in the worker is free', async () => {
  const { assistant, ...started } = await startRun(app)
  await storyOf(app, started)
  await until(() => app.worker.busy === 0)
  const caller = app.one
  const failing = async (parts: Parts) => {
    await createThreadRun(parts, caller, { assistantId: assistant.id, options: {}, thread: {} })
    throw new Fault('invalid', 'late')
  }
  const threads = () => app.records.db.query('select id from thread')
  const before = await threads()
  await expect(once(app, caller, request('fails'), failing)).rejects.toMatchObject({ message: 'late' })
  await until(() => app.worker.busy === 0)
  expect(await threads()).toEqual(before)
})

test('effects that wait on a model run once, also when asked for at the same time by two processes', async () => {
  let calls = 0
  const gate = Promise.withResolvers<void>()
  const effect = async () => {
    calls++
    await gate.promise
    return { calls }
  }
  const all = [app, other, app].map((by) => onceCalled(by, app.one, request('called'), effect))
  await until(() => calls === 1)
  gate.resolve()
  expect(await Promise.all(all)).toEqual([{ calls: 1 }, { calls: 1 }, { calls: 1 }])
  expect(await onceCalled(other, app.one, request('called'), effect)).toEqual({ calls: 1 })
})

test('while a model is waited for another body is refused, and a failure leaves the key free', async () => {
  const gate = Promise.withResolvers<void>()
  const failing = onceCalled(app, app.one, request('slow'), () => gate.promise.then(() => Promise.reject(new Fault('upstream', 'broke'))))
  const settled = failing.catch((fault) => fault)
  await until(async () => (await app.records.db.query(`select 1 from idempotency where key = 'slow'`)).length === 1)
  await expect(onceCalled(app, app.one, request('slow', { b: 2 }), async () => 1)).rejects.toMatchObject(reused)
  gate.resolve()
  expect(await settled).toMatchObject({ code: 'upstream' })
  expect(await onceCalled(app, app.one, request('slow', { b: 2 }), async () => 1)).toBe(1)
})

test('a request that died while it waited on a model is taken up again when nobody believes it alive', async () => {
  const dying = await app.replica({ slots: 0 })
  void onceCalled(dying, app.one, request('died'), () => new Promise(() => undefined))
  await until(async () => (await app.records.db.query(`select 1 from idempotency where key = 'died'`)).length === 1)
  dying.die()
  app.clock.advance(15_001)
  expect(await onceCalled(app, app.one, request('died'), async () => 'again')).toBe('again')
})

test('a request that only seemed dead commits nothing once another one has done its work, and answers what that one did', async () => {
  const caller = await app.newTenant()
  const gate = Promise.withResolvers<void>()
  let calls = 0
  const effect: Parameters<typeof onceKept<{ id: string }>>[3] = async (parts, keep) => {
    if (++calls === 1) await gate.promise
    return parts.db.transaction(async (db) => {
      const { id } = await createAssistant({ ...parts, db }, caller, { model: 'm' })
      await keep(db, { id })
      return { id }
    })
  }
  const slow = onceKept(other, caller, request('kept'), effect)
  await until(() => calls === 1)
  app.clock.advance(15_001)
  const made = await onceKept(app, caller, request('kept'), effect)
  gate.resolve()
  expect(await slow).toEqual(made)
  expect([calls, await count(caller)]).toEqual([2, 1])
})

test('an effect that fails in its transaction leaves the key free', async () => {
  const failing = onceKept(app, app.one, request('unkept'), (parts) => parts.db.transaction(() => Promise.reject(new Error('late'))))
  await expect(failing).rejects.toMatchObject({ message: 'late' })
  expect(await onceKept(app, app.one, request('unkept'), async () => 1)).toBe(1)
})

test('answers are kept for their time and then purged, the oldest first and as many as asked for', async () => {
  const caller = await app.newTenant()
  app.clock.advance(86_400_001)
  await purgeAnswers(app, 100_000) // what other tests left
  for (const key of ['a', 'b', 'c']) await once(app, caller, request(key), make(caller))
  app.clock.advance(86_400_000)
  expect(await purgeAnswers(app, 100)).toBe(0)
  expect((await once(app, caller, request('a'), make(caller))).id).toBeString()
  expect(await count(caller)).toBe(3)
  app.clock.advance(1)
  expect(await purgeAnswers(app, 2)).toBe(2)
  expect(await purgeAnswers(app, 2)).toBe(1)
  await once(app, caller, request('a', { other: 'body' }), make(caller))
  expect(await count(caller)).toBe(4)
})
