import { test, expect } from 'bun:test'
import { serve } from '/work/main/test/support/served.ts'
import { Client } from '/work/main/node_modules/@langchain/langgraph-sdk'
import { openGate } from '/work/main/test/contract/use-stream/gates.ts'
test('x', async () => {
  const served = await serve({}, { worker: true, jobs: true, langgraph: { graphs: '/work/main/test/contract/use-stream/graphs/langgraph.json' } })
  console.log(served.app.registry.problems)
  const client = new Client({ apiUrl: served.url + '/langgraph', apiKey: served.key })
  const t = await client.threads.create()
  const seen: string[] = []
  for await (const c of client.runs.stream(t.thread_id, 'held', { input: { messages: [{ type: 'human', content: 'hold a one two three four', id: 'm1' }] }, streamMode: ['messages-tuple', 'values'] })) {
    seen.push(JSON.stringify(c).slice(0, 200)); console.log(seen.at(-1))
    if (seen.length === 4) { openGate('a') }
  }
  const v2 = client.threads.stream(t.thread_id, { assistantId: 'held' } as never) as any
  console.log(await v2.run.start({ input: {} }).catch((e: unknown) => e))
  await served.close()
}, 60000)
