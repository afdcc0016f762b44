import { test } from 'bun:test'
import { serveGraphs } from './kit.ts'
const time = async (n: number, f: () => Promise<unknown>) => { const a: number[] = []; for (let i = 0; i < n; i++) { const t = performance.now(); await f(); a.push(performance.now() - t) } a.sort((x, y) => x - y); return `p50 ${a[n >> 1]?.toFixed(2)} min ${a[0]?.toFixed(2)} max ${a.at(-1)?.toFixed(2)}` }
test('perf', async () => {
  const served = await serveGraphs()
  const base = `${served.url}${served.app.config.langgraph.prefix}`
  const headers = { 'x-api-key': served.key, 'content-type': 'application/json' }
  const call = async (method: string, path: string, body?: unknown) => { const r = await fetch(base + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }); const t = await r.text(); if (!r.ok) throw new Error(`${r.status} ${t}`); return t }
  const { thread_id } = JSON.parse(await call('POST', '/threads', {}))
  const turns: number[] = []
  for (let i = 1; i <= 200; i++) {
    const t = performance.now()
    await call('POST', `/threads/${thread_id}/runs/wait`, { assistant_id: 'echo', input: { messages: [{ role: 'user', content: `hello ${i}` }] } })
    turns.push(performance.now() - t)
    if ([1, 2, 199, 200].includes(i)) {
      console.log(i, 'state first', await time(1, () => call('GET', `/threads/${thread_id}/state`)), 'state', await time(40, () => call('GET', `/threads/${thread_id}/state`)))
      console.log('  history', await time(20, () => call('GET', `/threads/${thread_id}/history?limit=10`)), 'thread', await time(20, () => call('GET', `/threads/${thread_id}`)))
    }
  }
  const mean = (l: number[]) => l.reduce((a, b) => a + b, 0) / l.length
  console.log('turn first20', mean(turns.slice(0, 20)), 'last20', mean(turns.slice(-20)))
  await served.stop?.()
}, 120000)
