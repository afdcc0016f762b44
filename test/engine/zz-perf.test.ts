import { afterAll, beforeAll, test } from 'bun:test'
import { readHeads } from '../../src/core/threads/checkpoints.ts'
import { getThread } from '../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { callGraph, GRAPHS, newThread } from './graph-threads.ts'
import { GraphStates } from '../../src/engine/state.ts'
import { decodePage } from '../../src/engine/tuples.ts'
import { toPlain } from '../../src/engine/plain.ts'
let app: TestApp
beforeAll(async () => { app = await openTestApp({ slots: 0, graphs: GRAPHS }) }, OPEN_MS)
afterAll(() => app.close())
const time = async (n: number, f: () => unknown) => { const a: number[] = []; for (let i = 0; i < n; i++) { const t = performance.now(); await f(); a.push(performance.now() - t) } a.sort((x, y) => x - y); return `p50 ${a[n >> 1]?.toFixed(2)} min ${a[0]?.toFixed(2)}` }
test('perf', async () => {
  const threadId = await newThread(app, 'echo')
  for (let i = 1; i <= 200; i++) {
    await callGraph(app, { graph: 'echo', threadId, input: { messages: [{ role: 'user', content: `hello ${i}` }] } })
    if (i !== 1 && i !== 200) continue
    const thread = await getThread(app, app.one, threadId)
    for (let k = 0; k < 2; k++) console.log(i, 'state', await time(100, () => app.graphs.state(app.one, { thread, at: {}, subgraphs: false })))
    console.log('  sql', await time(100, () => readHeads(app, app.one.tenantId, [threadId])))
    const states = new GraphStates(app, app.registry)
    const page = await readHeads(app, app.one.tenantId, [threadId])
    const r = states.reader(app.one.tenantId)
    const [tuple] = await r.tuples(page)
    console.log('  decode', await time(100, () => r.tuples(page)))
    console.log('  plain', await time(100, () => toPlain(tuple?.checkpoint.channel_values)))
    console.log('  page bytes', JSON.stringify(page).length)
    const cold = () => new GraphStates(app, app.registry).state({ thread, at: {}, subgraphs: false })
    console.log('  cold', await time(50, cold))
    console.log((await app.records.db.hot(`explain (analyze, costs off, timing off) with recursive t as materialized (select id, tenant_id, head_id, head_seq, next_seq from thread where id = any($1::text::uuid[])),
    c as materialized (select c.* from t join checkpoint c on c.thread_id = t.id and c.ns = '' and c.id = t.head_id and c.tenant_id is not distinct from t.tenant_id),
    k(thread_id, tenant_id, ns, channel, version) as (select c.thread_id, c.tenant_id, c.ns, v.key, v.value from c, jsonb_each_text(c.versions) v union
    select b.thread_id, b.tenant_id, coalesce(b.base_ns, b.ns), b.channel, b.base from k k join channel_blob b on b.thread_id = k.thread_id and b.ns = k.ns
      and b.channel = k.channel and b.version = k.version and b.tenant_id is not distinct from k.tenant_id where b.base is not null) select b.* from k join channel_blob b on b.thread_id = k.thread_id and b.ns = k.ns and b.channel = k.channel and b.version = k.version and b.tenant_id is not distinct from k.tenant_id`, [`{${threadId}}`])).map((r) => Object.values(r as object)[0]).join('\n'))
  }
}, 120000)
