import type { JsonObject } from '../../src/core/json.ts'
import type { Db } from '../../src/drivers/records/port.ts'
import { each, type RunFacts } from './graph-check-history.ts'
import type { GraphHistory } from './graph-history.ts'
import type { LabReceiver } from './graph-receiver.ts'
import { callGraphs } from './graph-wire.ts'

/** What waiting clients were told is what the run left. */
export function checkAnswers(history: GraphHistory, runs: Map<string, RunFacts[]>): string[] {
  const violations: string[] = []
  for (const { sent, values } of history.answers) {
    const row = runs.get(sent.tag)?.[0]
    if (!row || sent.task.graph === 'assistant') continue
    const {
      lines = [],
      __error__: error,
      __interrupt__: asked,
    } = (values ?? {}) as { lines?: string[]; __error__?: unknown; __interrupt__?: unknown }
    const wrong = (what: string): void =>
      void violations.push(`answer of ${row.id} (${sent.tag}, ${row.status}) ${what}: ${JSON.stringify(values).slice(0, 300)}`)
    if ((error !== undefined) !== (row.status === 'failed')) wrong('is an error where it should not be, or the other way round')
    if (row.status === 'failed' || row.status === 'cancelled') continue
    const own = lines.filter((line) => line.split('/')[0] === sent.task.tag)
    const asks = sent.task.answered !== undefined && sent.answer === null
    const wanted = [...sent.task.lines, ...(sent.answer === null ? [] : (sent.task.answered?.(sent.answer) ?? []))]
    if (JSON.stringify(own) !== JSON.stringify(wanted)) wrong(`has not the lines ${wanted}`)
    if (asks && !Array.isArray(asked)) wrong('does not say what was asked')
  }
  return violations
}

export async function checkItems(base: string, db: Db, facts: { history: GraphHistory; runs: Map<string, RunFacts[]> }): Promise<string[]> {
  const { history, runs } = facts
  const violations: string[] = []
  await each(history.items, async ({ namespace, key, may }) => {
    const { status, body } = await callGraphs(base, { path: `/store/items?namespace=${namespace.join('.')}&key=${key}` })
    const value = (body as JsonObject | null)?.value ?? null
    if (status !== 200) violations.push(`item ${key}: ${status} ${JSON.stringify(body)}`)
    else if (!may.some((one) => JSON.stringify(one) === JSON.stringify(value)))
      violations.push(`item ${namespace}/${key} is ${JSON.stringify(value)}, acknowledged was ${JSON.stringify(may)}`)
  })
  const kept = new Set((await db.query<{ key: string }>(`select key from item where namespace = 'lab.runs.'`)).map(({ key }) => key))
  for (const { task, tag } of history.runs)
    if (task.graph === 'fan' && runs.get(tag)?.[0]?.status === 'completed' && !kept.has(task.tag))
      violations.push(`the graph of ${tag} kept ${task.tag} in the store, and it is not there`)
  return violations
}

const TOLD: Record<string, string> = {
  completed: 'success',
  incomplete: 'success',
  waiting: 'success',
  failed: 'error',
  expired: 'timeout',
  cancelled: 'interrupted',
}

/** Whoever asked to be told was told, under one id, what came of it. */
export function checkWebhooks(history: GraphHistory, runs: Map<string, RunFacts[]>, receiver: LabReceiver): string[] {
  const violations: string[] = []
  for (const { tag, webhook, task } of history.runs) {
    const row = runs.get(tag)?.[0]
    if (!webhook || !row) continue
    const told = receiver.told.get(row.id)
    if (!told) violations.push(`nobody was told that run ${row.id} (${row.status}) has ended`)
    else {
      if (told.ids.size !== 1) violations.push(`the webhook of run ${row.id} came under ${told.ids.size} ids`)
      // Who stopped to ask was told of then, whatever became of it later.
      const fits = [...told.statuses].every((status) => status === TOLD[row.status] || (task.answered && status === 'success'))
      if (!fits || told.statuses.size !== 1) violations.push(`the webhook of run ${row.id} (${row.status}) said ${[...told.statuses]}`)
    }
  }
  return violations
}

/** Times come again after the last start, while the clients are still there. */
export async function checkCronsGoOn(
  db: Db,
  { crons }: GraphHistory,
  { lastStart, most }: { lastStart: number; most: number },
): Promise<string[]> {
  const late = async (): Promise<string[]> => {
    const rows = await db.query<{ tag: string }>(
      `select distinct metadata ->> 'tag' as tag from run where metadata ->> 'tag' like 'cron-%' and created_at > to_timestamp($1::float8 / 1000.0)`,
      [lastStart],
    )
    const again = new Set(rows.map(({ tag }) => tag))
    return crons.filter(({ tag, since }) => since < lastStart && !again.has(tag)).map(({ tag }) => tag)
  }
  const until = performance.now() + most
  let left = await late()
  while (left.length > 0 && performance.now() < until) {
    await Bun.sleep(50)
    left = await late()
  }
  return left.map((tag) => `cron ${tag} began no run in ${most} ms after the last start`)
}

/** Each time began at most one run. */
export async function checkCrons(db: Db, history: GraphHistory): Promise<string[]> {
  const violations: string[] = []
  for (const { tag, since, stopped } of history.crons) {
    const [{ n = 0 } = {}] = await db.query<{ n: number }>(`select count(*)::int as n from run where metadata ->> 'tag' = $1`, [tag])
    const seconds = ((stopped ?? Date.now()) - since) / 1000
    if (n > seconds + 2) violations.push(`cron ${tag} began ${n} runs in ${Math.round(seconds)} s`)
  }
  return violations
}
