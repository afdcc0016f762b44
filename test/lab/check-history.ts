import { readId } from '../../src/core/id.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { Db } from '../../src/drivers/records/port.ts'
import { isEnded } from './client.ts'
import type { History, Watched } from './history.ts'
import { type Frame, listen, request } from './wire.ts'

const AT_ONCE = 12

/** Does `work` for all items, a few at a time. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of left) await work(item)
    }),
  )
}

const uuid = (prefix: string, id: string): string => readId(prefix, id) ?? id

/** Each thing sent took effect once at most, and once exactly where it was acknowledged. */
export async function checkEffects(db: Db, history: History): Promise<string[]> {
  const violations: string[] = []
  for (const table of ['thread', 'message', 'run'] as const) {
    const rows = await db.query<{ tag: string; n: number }>(
      `select metadata->>'tag' as tag, count(*)::int as n from ${table} where metadata ? 'tag' group by 1`,
    )
    const counts = new Map(rows.map(({ tag, n }) => [tag, n]))
    const sent = history.sent[`${table}s`]
    const acked = history[`${table}s`]
    for (const [tag, n] of counts) {
      if (n > 1) violations.push(`${table} ${tag} took effect ${n} times`)
      if (!sent.has(tag)) violations.push(`${table} ${tag} was never sent`)
    }
    for (const { tag } of acked) if (!counts.has(tag)) violations.push(`acknowledged ${table} ${tag} is missing`)
  }
  const given = await db.query<{ run_id: string; call_id: string; output: string | null }>('select run_id, call_id, output from tool_call')
  // A model that is asked again after a restart may repeat an id: the step of the broken attempt keeps its call, unanswered.
  const outputs = Map.groupBy(given, (call) => call.run_id + call.call_id)
  for (const { run, callId, output } of history.outputs) {
    const stored = outputs.get(uuid('run_', run) + callId)?.map((call) => call.output)
    if (!stored?.includes(JSON.stringify(output))) violations.push(`output of ${callId} in ${run} is ${stored}, acknowledged was ${output}`)
  }
  return violations
}

/** What was acknowledged, and every message that a stream showed whole, is there over HTTP as it was said. */
export async function checkReads(base: string, history: History): Promise<string[]> {
  const violations: string[] = []
  const messages = Map.groupBy(history.messages, ({ thread }) => thread)
  const shown = Map.groupBy(history.watched.flatMap(shownMessages), ({ thread }) => thread)
  const threads = new Set([...history.threads.map(({ id }) => id), ...messages.keys(), ...shown.keys()])
  await each([...threads], async (thread) => {
    const { status, body } = await request(base, { path: `/v1/threads/${thread}/messages?limit=100&order=asc&envelope=true` })
    if (status !== 200) return void violations.push(`acknowledged ${thread}: ${status} ${JSON.stringify(body)}`)
    const listed = body.data as JsonObject[]
    const byId = new Map(listed.map((message) => [String(message.id), message]))
    const byTag = new Map(listed.map((message) => [String((message.metadata as JsonObject).tag), message]))
    for (const { id, tag, text } of messages.get(thread) ?? []) {
      const found = id === null ? byTag.get(tag) : byId.get(id)
      if (found === undefined) violations.push(`acknowledged message ${id ?? tag} of ${thread} is missing`)
      else if (textOf(found) !== text) violations.push(`acknowledged message ${id ?? tag} says ${textOf(found)}, sent was ${text}`)
    }
    for (const { id, status: was, text } of shown.get(thread) ?? []) {
      const found = byId.get(id)
      if (found === undefined) {
        if (text !== '') violations.push(`message ${id} of ${thread}, shown ${was}, is missing`)
      } else if (textOf(found) !== text || found.status !== was)
        violations.push(`message ${id} was shown ${was} as ${text} and is ${found.status} as ${textOf(found)}`)
    }
  })
  await each(history.runs, async ({ id, thread }) => {
    const { status, body } = await request(base, { path: `/v1/threads/${thread}/runs/${id}` })
    if (status !== 200 || !isEnded(body.status)) violations.push(`acknowledged ${id}: ${status} ${body.status ?? JSON.stringify(body)}`)
  })
  return violations
}

const textOf = (message: JsonObject): string =>
  (message.content as { text?: { value: string } }[]).map((part) => part.text?.value ?? '').join('')

function shownMessages({ thread, frames }: Watched) {
  const ended = frames.filter(({ event }) => event === 'thread.message.completed' || event === 'thread.message.incomplete')
  return ended.map(({ data }) => {
    const message = JSON.parse(data) as JsonObject
    return { thread, id: String(message.id), status: String(message.status), text: textOf(message) }
  })
}

/** Who followed a run over broken connections saw what a reader sees who comes when all is over: every event once, in order. */
export async function checkStreams(base: string, history: History): Promise<string[]> {
  const violations: string[] = []
  await each(history.watched, async (watched) => {
    const { thread, run } = watched
    const whole: Frame[] = []
    const onFrame = (frame: Frame): boolean => whole.push(frame) > 0
    const ending = await listen(base, { path: `/v1/threads/${thread}/runs/${run}/stream` }, { onFrame })
    if (ending !== 'done') violations.push(`replay of ${run}: ${ending}`)
    if (!watched.ended) violations.push(`the reader of ${run} never came to its end`)
    const wrong =
      firstDifference(watched.frames, whole) ?? (watched.frames.length < whole.length ? 'the last events are missing' : undefined)
    if (wrong) violations.push(`stream of ${run}, ${watched.resumes} resumes: ${wrong}`)
    for (const partial of watched.partials) {
      const difference = firstDifference(partial, whole)
      if (difference) violations.push(`first answer of ${run}: ${difference}`)
    }
  })
  return violations
}

function firstDifference(seen: Frame[], whole: Frame[]): string | undefined {
  for (const [index, frame] of seen.entries()) {
    const told = whole[index]
    if (told?.id === frame.id && told.event === frame.event && told.data === frame.data) continue
    return `frame ${index} was ${frame.id} ${frame.event} ${frame.data.slice(0, 300)}, the replay has ${told?.id} ${told?.event} ${told?.data.slice(0, 300)}`
  }
  return undefined
}
