import { existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../src/core/json.ts'
import type { Db, Records } from '../../src/drivers/records/port.ts'
import { eventually } from '../support/eventually.ts'
import { checkJournals } from './check-rows.ts'
import { checkLines, readRuns, readThreads } from './graph-check-history.ts'
import { checkGraphRules } from './graph-check-rows.ts'
import { isOver } from './graph-client.ts'
import { COURSES, type CourseApi } from './graph-courses.ts'
import { type CrashReport, pointsOf } from './graph-crash.ts'
import { type CrashPoint, showPoint } from './graph-crash-db.ts'
import { GraphHistory, newSentRun } from './graph-history.ts'
import { workTask } from './graph-kinds.ts'
import { GRAPH_PROJECT } from './graph-lab.ts'
import { callGraphs } from './graph-wire.ts'
import { externalStore, type Store } from './postgres.ts'
import { addressOf, cleanEnv, KEY, type ServerProcess, startServer } from './server-process.ts'

const CHILD = join(import.meta.dir, 'graph-crash-child.ts')
const RECOVERY_MS = 30_000

let tags = 0
const newTag = (): string => `task-dead-${++tags}`

/** The courses over HTTP, against a server that sends itself SIGKILL at a named statement; the next start goes on. */
export class CrashProcesses {
  private constructor(
    private readonly store: Store,
    private readonly records: Records,
    private readonly env: Record<string, string>,
  ) {}

  static async open(): Promise<CrashProcesses> {
    const store = await externalStore()
    const env = {
      ...store.env,
      LAB_FOLDER: store.dir,
      TETRAPORT_GRAPHS: GRAPH_PROJECT,
      TETRAPORT_ENGINE_LEASE_MS: '500',
      TETRAPORT_ENGINE_POLL_MS: '100',
    }
    const bench = new CrashProcesses(store, await store.look(), env)
    await (await bench.sound()).stop()
    return bench
  }

  async close(): Promise<void> {
    await this.records.close()
    await this.store.remove()
  }

  private async sound(): Promise<ServerProcess & { stop(): Promise<unknown> }> {
    const server = await startServer(this.env, `${this.store.dir}/server.log`)
    const stop = (): Promise<unknown> => {
      server.signal('SIGKILL')
      return server.exited
    }
    return { ...server, stop }
  }

  /** Looks around by itself as seldom as it may: what it does then is not the course's. */
  private async mortal(point: CrashPoint | undefined): Promise<{ url: string; exited: Promise<number>; kill(): void }> {
    const env = {
      ...this.env,
      TETRAPORT_ENGINE_LEASE_MS: '60000',
      TETRAPORT_ENGINE_POLL_MS: '60000',
      LAB_CRASH: JSON.stringify(point ?? null),
    }
    const child = Bun.spawn([process.execPath, CHILD, 'serve'], {
      env: cleanEnv({ TETRAPORT_LISTEN: '127.0.0.1:0', TETRAPORT_BOOTSTRAP_KEY: KEY, ...env }),
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: openSync(`${this.store.dir}/child.log`, 'a'),
    })
    const url = await addressOf(child.stdout)
    if (url === undefined) throw new Error(`The child did not start: ${readFileSync(`${this.store.dir}/child.log`, 'utf8').slice(-2000)}`)
    return { url, exited: child.exited, kill: () => child.kill('SIGKILL') }
  }

  private file(name: string): string {
    return join(this.store.dir, name)
  }

  async play(course: string, point?: CrashPoint): Promise<{ names: string[]; crashed: boolean; violations: string[] }> {
    for (const name of ['armed', 'statements']) rmSync(this.file(name), { force: true })
    const history = new GraphHistory()
    const gate = `gate-${++tags}`
    const server = await this.mortal(point)
    const api = apiOf(server.url, history)
    const { body } = await callGraphs(server.url, { path: '/threads', body: {} })
    const thread = String(body.thread_id)
    const note = (task: Parameters<typeof newSentRun>[1]['task'], more: { answer?: string; mayVanish?: boolean } = {}) => {
      const sent = newSentRun(`run-${task.tag}${more.answer ? '-answer' : ''}`, { task, thread, ...more })
      history.runs.push(sent)
      return sent
    }
    const before = note(workTask(newTag(), { steps: 1, pauseMs: 0 }))
    await api.run(before)
    await api.over(before)
    writeFileSync(this.file('armed'), '')
    const played = COURSES[course]?.({ api, thread, note, tag: newTag, gate }).then(
      () => undefined,
      (cause) => cause as Error,
    )
    const broke = await Promise.race([played, server.exited.then(() => undefined)])
    const crashed = await Promise.race([server.exited.then(() => true), Bun.sleep(broke ? 2_000 : 50).then(() => false)])
    server.kill()
    await server.exited
    writeFileSync(this.file(gate), '')
    const violations = await this.recover(history)
    if (broke && !crashed) violations.push(`the course broke off, and nobody had died: ${broke}`)
    const names = existsSync(this.file('statements')) ? readFileSync(this.file('statements'), 'utf8').trim().split('\n') : []
    return { names, crashed, violations }
  }

  private async recover(history: GraphHistory): Promise<string[]> {
    const { db } = this.records
    // As if the lease of the dead one were over: what it was is not what this is about.
    await db.query(`update run set lease_until = now() where status in ('running', 'cancelling')`)
    const server = await this.sound()
    try {
      await quiet(db)
      const violations: string[] = []
      const runs = await readRuns(db)
      violations.push(...checkLines(history, runs, await readThreads(server.url, history, violations)))
      for (const sent of history.runs) {
        const row = runs.get(sent.tag)?.[0]
        if (row?.status === 'failed') violations.push(`run ${sent.tag} failed`)
        if (sent.id !== null && !row && !sent.mayVanish) violations.push(`acknowledged run ${sent.tag} is missing`)
      }
      return violations
    } finally {
      await server.stop()
    }
  }

  async checkTables(): Promise<string[]> {
    return [...(await checkGraphRules(this.records.db)), ...(await checkJournals(this.records.db)).violations]
  }
}

const quiet = (db: Db): Promise<true> =>
  eventually(async () => {
    const left = await db.query(`select id from run where status in ('queued', 'running', 'cancelling')`)
    return left.length === 0 || undefined
  }, RECOVERY_MS)

function apiOf(url: string, history: GraphHistory): CourseApi {
  const ok = async (ask: Parameters<typeof callGraphs>[1]): Promise<JsonObject> => {
    const { status, body } = await callGraphs(url, ask)
    if (status !== 200) throw new Error(`${ask.path}: ${status} ${JSON.stringify(body)}`)
    return body
  }
  return {
    async run(sent, strategy = 'reject') {
      const call = sent.answer === null ? { input: sent.task.input } : { command: { resume: sent.answer } }
      const body = {
        assistant_id: sent.task.graph,
        metadata: { tag: sent.tag },
        multitask_strategy: strategy,
        stream_mode: ['values', 'custom'],
        ...call,
        ...(sent.task.durability ? { durability: sent.task.durability } : {}),
      }
      sent.id = String((await ok({ path: `/threads/${sent.thread}/runs`, body })).run_id)
    },
    async over(sent) {
      for (;;) {
        const { status, body } = await callGraphs(url, { path: `/threads/${sent.thread}/runs/${sent.id}` })
        if (status === 404 && sent.mayVanish) return
        if (isOver(body.status)) return
        await Bun.sleep(5)
      }
    },
    async cancel({ thread, id }, { rollback }) {
      await ok({ path: `/threads/${thread}/runs/${id}/cancel?action=${rollback ? 'rollback' : 'interrupt'}`, body: {} })
    },
    async update(thread, line) {
      const update = { thread, tag: line, acked: false, checkpoint: null as string | null }
      history.updates.push(update)
      const values = { lines: [line], messages: [{ role: 'user', id: line, content: line }] }
      update.checkpoint = String((await ok({ path: `/threads/${thread}/state`, body: { values, as_node: 'work' } })).checkpoint_id)
      update.acked = true
    },
  }
}

/** As `runCrashes`, with processes that really die. */
export async function runProcessCrashes({ most, progress }: { most: number; progress?: (text: string) => void }): Promise<CrashReport> {
  const bench = await CrashProcesses.open()
  const report: CrashReport = { statements: {}, points: 0, crashed: 0, violations: [] }
  try {
    for (const course of Object.keys(COURSES)) {
      const whole = await bench.play(course)
      report.statements[course] = whole.names.filter((name) => name !== 'read').join(', ')
      report.violations.push(...whole.violations.map((text) => `${course}: ${text}`))
      for (const point of pointsOf(whole.names, most)) {
        const { crashed, violations } = await bench.play(course, point)
        report.points++
        if (crashed) report.crashed++
        report.violations.push(...violations.map((text) => `${course}, ${showPoint(point)}: ${text}`))
      }
      progress?.(`${course}: ${report.points} points so far, ${report.crashed} deaths, ${report.violations.length} violations`)
    }
    report.violations.push(...(await bench.checkTables()))
    return report
  } finally {
    await bench.close()
  }
}
