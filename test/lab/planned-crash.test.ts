import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { completeToolOutput, isOpen, listActions } from '../../src/core/actions/actions.ts'
import { Fault } from '../../src/core/fault.ts'
import { beginRun, cancelPlanned, continueRun, getPlanned, type RunView } from '../../src/core/runs/planned.ts'
import { promoteRuns } from '../../src/core/runs/promotion.ts'
import { isEnd } from '../../src/core/runs/status.ts'
import { listTranscript } from '../../src/core/threads/transcript.ts'
import { within } from '../../src/drivers/records/errors.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { type Plan, plan } from '../support/planned.ts'
import { callsFunctions } from '../support/runs.ts'
import { checkJournals } from './check-rows.ts'
import { cutsOf } from './graph-crash.ts'
import { Crash, CrashDb, type CrashPoint, showPoint } from './graph-crash-db.ts'

setDefaultTimeout(300_000)

const PART_MS = 30_000
const TURNS = [callsFunctions('call_a', 'call_b'), { text: ['the end'] }]

let heir: TestApp
beforeAll(async () => {
  heir = await openTestApp()
}, OPEN_MS)
afterAll(() => heir.close())

/** One step of a client who knows only what the server shows, and may take it again. True: all is said. */
type Step = (app: TestApp, view: RunView) => Promise<boolean>

const begun = async (app: TestApp, view: RunView): Promise<boolean> => {
  if (!view.run) await beginRun(app, app.one, { id: view.id, options: {} })
  return view.run !== undefined
}

const COURSES: Record<string, Step> = {
  async answered(app, view) {
    if (!(await begun(app, view)) || !view.run) return false
    if (view.run.status !== 'waiting') return isEnd(view.run.status)
    for (const { id: toolId } of view.actions.filter(isOpen))
      await completeToolOutput(app, app.one, { threadId: view.threadId, toolId, content: `of ${toolId}` })
    await continueRun(app, app.one, view.run)
    return false
  },
  async cancelled(app, view) {
    if (!(await begun(app, view)) || !view.run) return false
    if (view.run.status !== 'waiting') return isEnd(view.run.status)
    await cancelPlanned(app, app.one, view.id).catch((error) => {
      if (!(error instanceof Fault) || error.code !== 'wrong_state') throw error
    })
    return false
  },
}

const walk = (app: TestApp, { id }: Plan, step: Step): Promise<true> =>
  eventually(async () => ((await step(app, await getPlanned(app, app.one, id))) ? true : undefined), PART_MS)

/** What the next process does by itself: now, and not after the lease. */
async function inherit(): Promise<void> {
  await heir.records.db.query(
    `with r as materialized (select id from run where status in ('running', 'cancelling') and worker_id <> $1 for update skip locked)
    update run set lease_until = now() - interval '1 s' from r where run.id = r.id`,
    [heir.worker.id],
  )
  await promoteRuns(heir, 100)
  heir.worker.wake()
}

/** In a process that ends at the point; then the client goes on with another one. */
async function play(course: string, point?: CrashPoint): Promise<{ names: string[]; crashed: boolean; left: unknown }> {
  const step = COURSES[course] as Step
  const planned = await plan(heir, { turns: TURNS })
  const ended = Promise.withResolvers<void>()
  let owner: TestApp | undefined
  const end = (): void => {
    owner?.die()
    ended.resolve()
  }
  const crash = new Crash(point, end, () => owner !== undefined)
  owner = await heir.replica({ wrap: (db) => new CrashDb(db, crash) })
  await within(PART_MS, Promise.race([walk(owner, planned, step), ended.promise]), () => new Error('the course does not end'))
  owner.die()
  await within(PART_MS, owner.close(), () => new Error('the process does not close'))
  await walk(heir, planned, async (app, view) => {
    await inherit()
    return step(app, view)
  })
  return { names: crash.names, crashed: crash.crashed, left: await leftOf(planned) }
}

/** What everybody sees in the end. */
async function leftOf({ id, threadId }: Plan): Promise<unknown> {
  const { label } = await getPlanned(heir, heir.one, id)
  const actions = await listActions(heir, heir.one, id)
  const said = await listTranscript(heir, heir.one, { threadId, limit: 100, order: 'asc' })
  return { label, actions: actions.map(({ callId, status }) => `${callId} ${status}`), roles: said.map(({ role }) => role) }
}

const LEFT: Record<string, unknown> = {
  answered: {
    label: 'completed',
    actions: ['call_a completed', 'call_b completed'],
    roles: ['user', 'assistant', 'tool', 'tool', 'assistant'],
  },
  cancelled: { label: 'cancelled', actions: ['call_a cancelled', 'call_b cancelled'], roles: ['user', 'assistant'] },
}

for (const course of Object.keys(COURSES))
  test(`a planned run that is ${course} comes to the same, whichever statement its process ends at`, async () => {
    const whole = await play(course)
    expect(whole.left).toEqual(LEFT[course])
    const points = cutsOf(whole.names, 1)
    const wrong: unknown[] = []
    let crashed = 0
    for (const point of points) {
      const played = await play(course, point)
      if (played.crashed) crashed++
      if (!Bun.deepEquals(played.left, LEFT[course])) wrong.push([showPoint(point), played.left])
    }
    expect(wrong).toEqual([])
    expect(crashed).toBeGreaterThanOrEqual(6)
    expect((await checkJournals(heir.records.db)).violations).toEqual([])
  })
