import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createAssistant } from '../../../src/core/assistants/assistants.ts'
import { newId } from '../../../src/core/id.ts'
import { beginRun, planRun } from '../../../src/core/runs/planned.ts'
import { clientKeyOf, clientKeyWriter, dropClientKey, dropClientKeys } from '../../../src/core/runs/secrets.ts'
import { cancelRun } from '../../../src/core/runs/stop.ts'
import { createMessage } from '../../../src/core/threads/messages.ts'
import { createThread } from '../../../src/core/threads/threads.ts'
import { openVault } from '../../../src/drivers/vault/vault.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { callsFunctions, storyOf } from '../../support/runs.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const run = (tenantId = app.one.tenantId) => ({ id: newId(), tenantId })
const leave = async (runId: string, key: string) => (await clientKeyWriter(app, app.one, { runId, key }))(app.db)

test('a key is kept sealed, the newest one counts, and it is gone when it is dropped', async () => {
  const of = run()
  expect(await clientKeyOf(app, of)).toBeUndefined()
  await leave(of.id, 'sk-old')
  await leave(of.id, 'sk-new')
  expect(await clientKeyOf(app, of)).toBe('sk-new')
  const [row] = await app.db.query<{ sealed: string }>('select sealed from run_secret where run_id = $1', [of.id])
  expect(Buffer.from(row?.sealed.slice(3) ?? '', 'base64url').includes('sk-new')).toBe(false)
  await dropClientKey(app, of)
  expect(await clientKeyOf(app, of)).toBeUndefined()
})

test('another tenant neither reads nor replaces nor drops it', async () => {
  const of = run()
  await leave(of.id, 'sk-one')
  const others = { ...of, tenantId: app.two.tenantId }
  expect(await clientKeyOf(app, others)).toBeUndefined()
  await (await clientKeyWriter(app, app.two, { runId: of.id, key: 'sk-two' }))(app.db)
  await dropClientKey(app, others)
  expect(await clientKeyOf(app, of)).toBe('sk-one')
})

test('a server with another key says so, and does not ask with its own', async () => {
  const of = run()
  await leave(of.id, 'sk')
  const other = { ...app, vault: openVault({ key: 'another' }, { dir: '/nowhere' }) }
  await expect(clientKeyOf(other, of)).rejects.toThrow('sealed by a server with another secrets.key')
})

async function begun(turns: Parameters<TestApp['models']['script']>[0]) {
  const model = app.models.script(turns)
  const assistant = await createAssistant(app, app.one, { model })
  const { id: threadId } = await createThread(app, app.one, {})
  await createMessage(app, app.one, { threadId, message: { role: 'user', content: 'Hi' } })
  const { id } = await planRun(app, app.one, { threadId, assistantId: assistant.id, options: {} })
  const beside = await clientKeyWriter(app, app.one, { runId: id, key: `sk-${id}` })
  const created = await beginRun(app, app.one, { id, options: { clientKey: true }, beside })
  await storyOf(app, { caller: app.one, run: created.run })
  return { model, run: created.run }
}

test('the model is asked with the key of the run, and its end removes it', async () => {
  const { model, run } = await begun([{ text: ['done'] }])
  expect(app.models.requestsTo(model).map(({ apiKey }) => apiKey)).toEqual([`sk-${run.id}`])
  await eventually(async () => ((await clientKeyOf(app, run)) === undefined ? true : undefined))
})

test('a run that waits keeps it; one that ends without a worker loses it to the sweep', async () => {
  const { run } = await begun([callsFunctions('call_1')])
  await dropClientKeys(app, 100)
  expect(await clientKeyOf(app, run)).toBe(`sk-${run.id}`)
  await cancelRun(app, app.one, { threadId: run.threadId, id: run.id })
  expect(await dropClientKeys(app, 100)).toBe(1)
  expect(await clientKeyOf(app, run)).toBeUndefined()
})

test('one whose run never begins is dropped after an hour', async () => {
  const of = run()
  await leave(of.id, 'sk')
  app.clock.advance(59 * 60_000)
  await dropClientKeys(app, 100)
  expect(await clientKeyOf(app, of)).toBe('sk')
  app.clock.advance(2 * 60_000)
  await dropClientKeys(app, 100)
  expect(await clientKeyOf(app, of)).toBeUndefined()
})
