import type { JsonObject } from '../../src/core/json.ts'
import type { Db } from '../../src/drivers/records/port.ts'
import { isOver } from './graph-client.ts'
import type { GraphHistory, SentRun, WatchedRun } from './graph-history.ts'
import { callGraphs, listenGraphs } from './graph-wire.ts'
import type { Frame } from './wire.ts'

const AT_ONCE = 8

/** Does `work` for all items, a few at a time. */
export async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of left) await work(item)
    }),
  )
}

export interface RunFacts {
  id: string
  tag: string
  status: string
  thread: string
  attempt: number
}

export async function readRuns(db: Db): Promise<Map<string, RunFacts[]>> {
  const rows = await db.query<RunFacts>(
    `select id, metadata ->> 'tag' as tag, status, thread_id as thread, attempt from run where metadata ? 'tag'`,
  )
  return Map.groupBy(rows, ({ tag }) => tag)
}

/** Each thing sent took effect once at most, and once exactly where it was acknowledged. */
export async function checkGraphEffects(db: Db, history: GraphHistory, runs: Map<string, RunFacts[]>): Promise<string[]> {
  const violations: string[] = []
  const sent = new Map(history.runs.map((run) => [run.tag, run]))
  for (const [tag, rows] of runs) {
    if (tag.startsWith('cron-')) continue
    if (rows.length > 1) violations.push(`run ${tag} took effect ${rows.length} times`)
    if (!sent.has(tag)) violations.push(`run ${tag} was never sent`)
  }
  for (const run of history.runs) {
    const row = runs.get(run.tag)?.[0]
    if (run.removed && row) violations.push(`run ${run.id} is there, and its removal was acknowledged`)
    if (run.id === null || run.mayVanish || run.temporary) continue
    if (!row) violations.push(`acknowledged run ${run.id} (${run.tag}) is missing`)
    else if (row.id !== run.id) violations.push(`run ${run.tag} was acknowledged as ${run.id} and is ${row.id}`)
  }
  const threads = await db.query<{ tag: string; id: string }>(
    `select metadata ->> 'tag' as tag, id from thread where metadata ->> 'tag' like 'thread-%' and not metadata ? 'thread_id'`,
  )
  const ids = new Map(threads.map(({ tag, id }) => [id, tag]))
  for (const { tag } of threads) if (!history.threadTags.has(tag)) violations.push(`thread ${tag} was never sent`)
  for (const [tag, all] of Map.groupBy(threads, (thread) => thread.tag))
    if (all.length > 1) violations.push(`thread ${tag} took effect ${all.length} times`)
  for (const [id, { deleted }] of history.threads) {
    if (deleted && ids.has(id)) violations.push(`thread ${id} is there, and its removal was acknowledged`)
    if (!deleted && !ids.has(id)) violations.push(`acknowledged thread ${id} is missing`)
  }
  return violations
}

/** Every thread says how it stands, and all of its states can be read. Answers the lines of the newest ones. */
export async function readThreads(base: string, history: GraphHistory, violations: string[]): Promise<Map<string, string[]>> {
  const lines = new Map<string, string[]>()
  const kept = history.runs.flatMap(({ thread, temporary, mayVanish }) => (thread !== null && !temporary && !mayVanish ? [thread] : []))
  const known = new Set([...history.threads].flatMap(([id, { deleted }]) => (deleted ? [] : [id])))
  const ids = new Set([...known, ...kept.filter((id) => !history.threads.has(id)), ...history.forks.map(({ thread }) => thread)])
  await each([...ids], async (id) => {
    const thread = await callGraphs(base, { path: `/threads/${id}` })
    if (thread.status !== 200) return void violations.push(`thread ${id}: ${thread.status} ${JSON.stringify(thread.body)}`)
    if (thread.body.status === 'busy') violations.push(`thread ${id} is busy, and nobody is at work`)
    const states = await callGraphs(base, { path: `/threads/${id}/history`, body: { limit: 1000 } })
    if (states.status !== 200)
      return void violations.push(`history of ${id}: ${states.status} ${JSON.stringify(states.body).slice(0, 300)}`)
    const all = states.body as unknown as { values: JsonObject; checkpoint_id: string; parent_checkpoint_id: string | null }[]
    const there = new Set(all.map((state) => state.checkpoint_id))
    for (const { checkpoint_id: at, parent_checkpoint_id: parent } of all)
      if (parent !== null && !there.has(parent)) violations.push(`state ${at} of ${id} follows ${parent}, which is not in the history`)
    const head = await callGraphs(base, { path: `/threads/${id}/state` })
    if (head.status !== 200) return void violations.push(`state of ${id}: ${head.status} ${JSON.stringify(head.body).slice(0, 300)}`)
    const values = (head.body.values ?? {}) as { lines?: string[]; messages?: { id: string }[] }
    lines.set(id, values.lines ?? [])
    const messages = values.messages?.map((message) => message.id) ?? []
    if (values.lines && !history.cronThreads.has(id) && JSON.stringify(messages) !== JSON.stringify(values.lines))
      violations.push(`thread ${id} has the lines ${values.lines} and the messages ${messages}`)
    const middle = all[Math.floor(all.length / 2)]
    if (!middle) return
    const one = await callGraphs(base, { path: `/threads/${id}/state/${middle.checkpoint_id}` })
    if (JSON.stringify(one.body.values) !== JSON.stringify(middle.values))
      violations.push(`state ${middle.checkpoint_id} of ${id} is not the one of the history`)
  })
  return lines
}

/** The lines of a thread: each run's together, in order, whole where it came to its end, and nothing of what was removed. */
export function checkLines(history: GraphHistory, runs: Map<string, RunFacts[]>, lines: Map<string, string[]>): string[] {
  const violations: string[] = []
  const byThread = Map.groupBy(history.runs, ({ thread }) => thread)
  const updates = Map.groupBy(history.updates, ({ thread }) => thread)
  for (const [thread, said] of lines) {
    if (history.forked.has(thread) || history.cronThreads.has(thread)) continue
    const wrong = (what: string): void => void violations.push(`thread ${thread}: ${what}; its lines are ${said.join(' ')}`)
    const blocks = Map.groupBy(said, (line) => line.split('/')[0] ?? '')
    const expected = new Set<string>()
    for (const [tag, all] of Map.groupBy(byThread.get(thread) ?? [], ({ task }) => task.tag)) {
      expected.add(tag)
      const wrongs = checkBlock(all, { runs, block: blocks.get(tag) ?? [] })
      if (wrongs) wrong(wrongs)
    }
    for (const { tag, acked } of updates.get(thread) ?? []) {
      expected.add(tag)
      const times = blocks.get(tag)?.length ?? 0
      if (times > 1 || (acked && times !== 1)) wrong(`the update ${tag}, acknowledged ${acked}, is there ${times} times`)
    }
    const order = said.map((line) => line.split('/')[0] ?? '')
    const changes = order.filter((tag, n) => tag !== order[n - 1])
    if (new Set(changes).size !== changes.length) wrong('lines of two runs are mixed')
    for (const tag of blocks.keys()) if (!expected.has(tag) && !tag.startsWith('cron-')) wrong(`nobody sent ${tag}`)
  }
  for (const { thread, lines: wanted } of history.forks) {
    const said = lines.get(thread)
    if (JSON.stringify(said) !== JSON.stringify(wanted)) violations.push(`forked thread ${thread} says ${said}, expected was ${wanted}`)
  }
  return violations
}

const DONE = new Set(['completed', 'incomplete'])

/** The lines of one task, of which one run or, where it asks, a later one tells. */
function checkBlock(all: SentRun[], { runs, block }: { runs: Map<string, RunFacts[]>; block: string[] }): string | undefined {
  const task = all[0]?.task
  if (!task || task.graph === 'assistant') return undefined
  const rowOf = (run: SentRun): RunFacts | undefined => runs.get(run.tag)?.[0]
  const answers = all.filter(({ answer }) => answer !== null)
  const answered = answers.some((run) => DONE.has(rowOf(run)?.status ?? ''))
  const answer = answers[0]?.answer ?? undefined
  const whole = [...task.lines, ...(answer !== undefined ? (task.answered?.(answer) ?? []) : [])]
  const first = all.find((run) => run.answer === null)
  const row = first && rowOf(first)
  const least = answered ? whole.length : row && (DONE.has(row.status) || row.status === 'waiting') ? task.lines.length : 0
  const gone = all.every((run) => rowOf(run) === undefined)
  if (gone && block.length > 0) return `nothing is left of the runs of ${task.tag}, but of their lines`
  if (JSON.stringify(block) !== JSON.stringify(whole.slice(0, block.length)))
    return `${task.tag} (${row?.status}) should have said ${whole}`
  if (block.length < least) return `${task.tag} (${row?.status}) ends after ${block.length} of ${least} lines`
  return undefined
}

/** Who followed a run over broken connections saw what a reader sees who comes when all is over: every event once, in order. */
export async function checkGraphStreams(base: string, history: GraphHistory): Promise<string[]> {
  const violations: string[] = []
  await each(history.watched, async (watched) => {
    const { run, path, frames, sent } = watched
    const order = frames.findIndex(({ id }, n) => n > 0 && !isBehind(id, frames[n - 1]?.id ?? ''))
    if (order > 0) violations.push(`stream of ${run}: frame ${frames[order]?.id} came after ${frames[order - 1]?.id}`)
    const whole = await replay(base, path, '-1')
    if (whole === 404 && (sent.mayVanish || sent.temporary)) return
    if (typeof whole === 'number') return void violations.push(`replay of ${run}: ${whole}`)
    if (!watched.ended) violations.push(`the reader of ${run} never came to its end`)
    for (const wrong of compare(watched, whole)) violations.push(`stream of ${run}, ${watched.resumes} resumes: ${wrong}`)
    const middle = whole[Math.floor(whole.length / 2)]?.id ?? '-1'
    const rest = await replay(base, path, middle)
    const wanted = whole.slice(whole.findIndex(({ id }) => id === middle) + 1)
    if (JSON.stringify(rest) !== JSON.stringify(wanted)) violations.push(`replay of ${run} from ${middle} is not the rest of the whole`)
  })
  return violations
}

const numbersOf = (id: string): number[] => id.split('.').map(Number)

/** `7.0` comes before `7.1`, and that before `7`. */
function isBehind(id: string, before: string): boolean {
  const [a = 0, b = Number.POSITIVE_INFINITY] = numbersOf(id)
  const [c = 0, d = Number.POSITIVE_INFINITY] = numbersOf(before)
  return a > c || (a === c && b > d)
}

async function replay(base: string, path: string, lastEventId: string): Promise<Frame[] | number> {
  const whole: Frame[] = []
  let status = 0
  const ending = await listenGraphs(
    base,
    { path: `${path}/stream`, lastEventId },
    {
      onFrame: (frame) => whole.push(frame) > 0,
      onRefusal: (answer) => {
        status = answer.status
      },
    },
  )
  return ending === 'ended' ? whole : status
}

function* compare({ frames, partials }: WatchedRun, whole: Frame[]): Generator<string> {
  const missing = whole[frames.length]
  const short =
    missing &&
    `the last ${whole.length - frames.length} frames are missing, after ${frames.at(-1)?.id} from ${missing.id} ${missing.event} on`
  const wrong = firstDifference(frames, whole) ?? short
  if (wrong) yield wrong
  for (const partial of partials) {
    const difference = firstDifference(partial, whole)
    if (difference) yield `in the first answer ${difference}`
  }
}

function firstDifference(seen: Frame[], whole: Frame[]): string | undefined {
  for (const [index, frame] of seen.entries()) {
    const told = whole[index]
    if (told?.id === frame.id && told.event === frame.event && told.data === frame.data) continue
    return `frame ${index} was ${frame.id} ${frame.event} ${frame.data.slice(0, 200)}, the replay has ${told?.id} ${told?.event} ${told?.data.slice(0, 200)}`
  }
  return undefined
}

/** Runs over HTTP: all that was acknowledged is over. */
export async function checkEnds(base: string, history: GraphHistory): Promise<string[]> {
  const violations: string[] = []
  await each(
    history.runs.filter(({ id, thread, mayVanish, temporary }) => id !== null && thread !== null && !mayVanish && !temporary),
    async ({ id, thread }) => {
      const { status, body } = await callGraphs(base, { path: `/threads/${thread}/runs/${id}` })
      if (status !== 200 || !isOver(body.status))
        violations.push(`acknowledged run ${id}: ${status} ${body.status ?? JSON.stringify(body)}`)
    },
  )
  return violations
}
