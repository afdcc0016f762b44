import { serveGraphs, openClient } from './surfaces/langgraph/kit.ts'
const served = await serveGraphs()
try {
  const client = openClient(served)
  const t = (await client.threads.create()).thread_id
  const time = async (name: string, f: () => Promise<unknown>) => { const all: number[] = []; for (let i = 0; i < 30; i++) { const t0 = performance.now(); await f(); all.push(performance.now() - t0) } all.sort((a,b)=>a-b); console.log(name, 'p50', all[15]!.toFixed(1), 'min', all[0]!.toFixed(1), 'max', all[29]!.toFixed(1)) }
  await time('wait thread', () => client.runs.wait(t, 'steps', { input: {} }))
  await time('wait echo', () => client.runs.wait(t, 'echo', { input: {messages:[]} }))
  await time('wait stateless', () => client.runs.wait(null, 'steps', { input: {} }))
  await time('stream', async () => { for await (const _ of client.runs.stream(t, 'steps', { input: {} })); })
  await time('create+join', async () => { const r = await client.runs.create(t, 'steps', { input: {} }); await client.runs.join(t, r.run_id) })
  await time('raw wait', async () => { await (await served.send('POST', `/langgraph/threads/${t}/runs/wait`, { assistant_id: 'steps', input: {} })).text() })
} finally { await served.close() }
process.exit(0)
