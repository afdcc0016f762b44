import { serveGraphs, openClient } from './surfaces/langgraph/kit.ts'
const served = await serveGraphs()
try {
  const client = openClient(served)
  for (const p of ['/runs/stream', '/runs/wait']) {
  const t = (await client.threads.create()).thread_id
  const gone = new AbortController()
  const res = await served.send('POST', `/langgraph/threads/${t}${p}`, { assistant_id: 'delay', input: { delay_ms: 60000 }, on_disconnect: 'cancel' }, { signal: gone.signal })
  const path = res.headers.get('content-location')!
  await Bun.sleep(200)
  gone.abort()
  await Bun.sleep(500)
  console.log(p, (await client.runs.list(t)).map(r => r.status), served.app.streams.size)
  }
} finally { await served.close() }
process.exit(0)
