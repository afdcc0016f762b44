import { test } from 'bun:test'
import { openTestApp } from '../support/app.ts'
import { callsFunctions, startRun, untilEnd, currentRun } from '../support/runs.ts'
import { startGraph } from '../support/graph-runs.ts'

test('try', async () => {
  const app = await openTestApp()
  const s = await startRun(app, { turns: [callsFunctions('c1'), { text: ['so'] }] })
  await untilEnd(app, s)
  const run = async (resume: any) => {
  const g = await startGraph(app, { graph: s.assistant.id, thread: { id: s.threadId, create: false }, call: { command: { resume } } })
  const end = await untilEnd(app, g)
  console.log(end.status, end.error, app.log.entries.filter((e) => e.level === 'error').map((e) => e.fields))
  console.log(await app.records.db.query('select c.id, c.source, c.step, c.run_id from checkpoint c'))
  console.log(await app.records.db.query('select checkpoint_id, task_id, idx, channel, data from checkpoint_write'))
  }
  await run('sunny')
  await run({ outputs: { c1: 'x' } })
  await app.close()
}, 60000)
