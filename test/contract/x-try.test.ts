import { test } from 'bun:test'
import { Client } from '@langchain/langgraph-sdk'
import OpenAI from 'openai'
import { readId } from '../../src/core/id.ts'
import { serve } from '../support/served.ts'

const tool = { type: 'function' as const, function: { name: 'look', parameters: { type: 'object', properties: {} } } }
test('try', async () => {
  const served = await serve({ scripts: { asks: [{ calls: [{ id: 'c1', name: 'look', arguments: { a: 1 } }] }, { text: ['so it is'] }], two: [{ calls: [{ id: 'c1', name: 'look', arguments: { a: 1 } },{ id: 'c2', name: 'look', arguments: { a: 1 } }] }, { text: ['so it is'] }] } }, { worker: true })
  const oa = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key, maxRetries: 0 })
  const lg = new Client({ apiUrl: `${served.url}/langgraph`, apiKey: served.key, callerOptions: { maxRetries: 0 } })
  const uuid = (p: string, id: string) => readId(p, id) as string
  const show = (name: string, v: unknown) => console.log(name, JSON.stringify(v))
  const attempt = async (name: string, f: () => Promise<unknown>) => { try { show(name, await f()) } catch (e) { console.log(name, 'FAILED', String(e).slice(0, 400)) } }
  const asst = await oa.beta.assistants.create({ model: 'echo' })
  const asks = await oa.beta.assistants.create({ model: 'asks', tools: [tool] })
  const t = await oa.beta.threads.create({ messages: [{ role: 'user', content: 'one' }], metadata: { a: 'b' } })
  await oa.beta.threads.runs.createAndPoll(t.id, { assistant_id: asst.id })
  const id = uuid('thread_', t.id)
  const list = async (tid: string) => (await oa.beta.threads.messages.list(tid, { order: 'asc' })).data.map((m) => [m.role, (m.content[0] as any)?.text?.value, m.status])
  const msgs = (s: any) => (s.values?.messages ?? s.messages ?? s).map?.((m: any) => [m.type, m.content, m.tool_calls?.length]) ?? s
  await attempt('openai list', () => list(t.id))
  await attempt('state', async () => { const s = await lg.threads.getState(id); return [msgs(s), s.next, s.tasks, s.metadata, s.checkpoint] })
  await attempt('thread', () => lg.threads.get(id))
  await attempt('history', async () => (await lg.threads.getHistory(id)).map((s) => [msgs(s), s.next, s.metadata, s.checkpoint?.checkpoint_id]))
  await attempt('update', () => lg.threads.updateState(id, { values: { messages: [{ role: 'user', content: 'two' }] } }))
  await attempt('openai list', () => list(t.id))
  await attempt('wait', async () => msgs(await lg.runs.wait(id, uuid('asst_', asst.id), { input: { messages: [{ role: 'user', content: 'three' }] } })))
  await attempt('openai list', () => list(t.id))
  await attempt('thread', () => oa.beta.threads.retrieve(t.id))
  await attempt('runs', async () => (await oa.beta.threads.runs.list(t.id)).data)
  // fork
  const h = await lg.threads.getHistory(id)
  show('history', h.map((s) => [msgs(s), s.next, s.metadata?.source, s.metadata?.step, s.checkpoint?.checkpoint_id, s.parent_checkpoint?.checkpoint_id]))
  await oa.beta.threads.messages.create(t.id, { role: 'user', content: 'pending' })
  await attempt('state', async () => msgs(await lg.threads.getState(id)))
  const old = h.at(-1)!
  await attempt('fork wait', async () => msgs(await lg.runs.wait(id, uuid('asst_', asst.id), { checkpointId: old.checkpoint!.checkpoint_id!, input: { messages: [{ role: 'user', content: 'forked' }] } })))
  await attempt('openai list', () => list(t.id))
  // waiting openai run answered by lg
  const t2 = await oa.beta.threads.create({ messages: [{ role: 'user', content: 'one' }] })
  const id2 = uuid('thread_', t2.id)
  const r2 = await oa.beta.threads.runs.createAndPoll(t2.id, { assistant_id: asks.id })
  show('r2', r2.status)
  await attempt('state2', async () => { const s = await lg.threads.getState(id2); return [msgs(s), s.next, s.tasks] })
  await attempt('thread2', () => lg.threads.get(id2))
  await attempt('resume', async () => msgs(await lg.runs.wait(id2, uuid('asst_', asks.id), { command: { resume: 'sunny' } })))
  await attempt('resume out', async () => msgs(await lg.runs.wait(id2, uuid('asst_', asks.id), { command: { resume: { outputs: { c1: 'sunny' } } } })))
  await attempt('list2', () => list(t2.id))
  await attempt('runs2', async () => (await oa.beta.threads.runs.list(t2.id)).data.map((r) => [r.id, r.status]))
  await attempt('lgruns2', async () => (await lg.runs.list(id2)).map((r) => [r.run_id, r.status]))
  await attempt('steps2', async () => (await oa.beta.threads.runs.steps.list(r2.id, { thread_id: t2.id })).data.map((r) => [r.type, r.status, r.step_details]))
  // lg waits, openai answers
  const t3 = await lg.threads.create()
  await attempt('lg wait', async () => await lg.runs.wait(t3.thread_id, uuid('asst_', asks.id), { input: { messages: [{ role: 'user', content: 'hey' }] } }))
  const oid = 'thread_' + t3.thread_id.replaceAll('-', '')
  const rs = (await oa.beta.threads.runs.list(oid)).data
  show('runs3', rs)
  await attempt('submit', async () => (await oa.beta.threads.runs.submitToolOutputsAndPoll(rs[0]!.id, { thread_id: oid, tool_outputs: [{ tool_call_id: 'c1', output: 'rain' }] })).status)
  await attempt('list3', () => list(oid))
  await attempt('state3', async () => { const s = await lg.threads.getState(t3.thread_id); return [msgs(s), s.next, s.tasks] })
  await served.close()
}, 60000)
