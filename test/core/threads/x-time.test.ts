import { test } from 'bun:test'
import { openTestApp } from '../../support/app.ts'
import { createThread } from '../../../src/core/threads/threads.ts'
import { listMessages } from '../../../src/core/threads/messages.ts'

test('time', async () => {
  const app = await openTestApp()
  for (const n of [2, 100, 1000, 10000]) {
    const thread = await createThread(app, app.one, {})
    const graphs = app.graphs
    const t = { ...thread, graph: 'assistant' }
    const per = n === 10000 ? 100 : Math.min(n, 10)
    for (let i = 0; i < n; i += per) {
      const messages = Array.from({ length: per }, (_, k) => ({ role: 'user', content: `message ${i + k}` }))
      await graphs.update(app.one, { thread: t, at: {}, update: { values: { messages }, asNode: i === 0 ? '__start__' : 'model' } } as never)
    }
    for (const flag of [false, true]) {
      await app.records.db.query(`update thread set by_head = $1 where id = $2`, [flag, thread.id])
      const page = { limit: 20, order: 'desc' as const }
      for (let i = 0; i < 20; i++) await listMessages(app, app.one, { threadId: thread.id, page })
      const begin = performance.now()
      let got = 0
      for (let i = 0; i < 50; i++) got = (await listMessages(app, app.one, { threadId: thread.id, page })).items.length
      console.log(n, flag, got, ((performance.now() - begin) / 50).toFixed(2), 'ms')
    }
  }
  await app.close()
}, 120000)
