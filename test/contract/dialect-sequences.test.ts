import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Chance } from '../lab/chance.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { ThreadModel } from './dialect-model.ts'
import { MOVES, type Table } from './dialect-moves.ts'
import {
  asText,
  type Both,
  coreId,
  DIALECT_SCRIPTS,
  LANGGRAPH_STATUS,
  linesOf,
  listedBy,
  openBoth,
  pastOf,
  runsOf,
  shownOf,
  sketch,
  TOOLS,
  threadName,
} from './dialects.ts'

/** All of them take minutes: `DIALECT_SEQUENCES=500`. With `DIALECT_SEED` the run of an earlier time is repeated. */
const SEQUENCES = Number(process.env.DIALECT_SEQUENCES ?? 40)
const SEED = Number(process.env.DIALECT_SEED ?? Math.floor(Math.random() * 2 ** 31))
const MOVES_EACH = 10
const AT_ONCE = 4

let served: Served
let both: Both
const assistants = new Map<string, string>()

beforeAll(async () => {
  served = await serve({ scripts: DIALECT_SCRIPTS }, { worker: true })
  both = openBoth(served)
  for (const model of ['echo', 'asks', 'slow'])
    assistants.set(model, coreId((await both.openai.beta.assistants.create({ model, tools: TOOLS })).id))
}, SERVER_START_MS)
afterAll(() => served.close())

async function newThread(chance: Chance, word: () => string): Promise<ThreadModel> {
  const metadata = { label: word() }
  if (chance.is(0.5)) return new ThreadModel((await both.langgraph.threads.create({ metadata })).thread_id, metadata)
  const text = word()
  const made = await both.openai.beta.threads.create({ metadata, messages: [{ role: 'user', content: text }] })
  const thread = new ThreadModel(coreId(made.id), metadata)
  thread.pending.push({ kind: 'user', text })
  return thread
}

/** Both views of the conversation say what the model says, which learns the ids of new messages from them. */
async function compareMessages(thread: ThreadModel): Promise<void> {
  const state = linesOf((await both.langgraph.threads.getState(thread.id)).values)
  expect(sketch(state)).toEqual(sketch(thread.state))
  const named = thread.pending.filter((line) => !thread.isGone(line)).length
  thread.head = state.slice(0, state.length - named)
  thread.pending = state.slice(state.length - named)
  const listed = sketch(await listedBy(both, thread.id))
  expect(listed).toEqual(sketch(shownOf(state).filter((line) => !thread.isGone(line))))
  expect(listed).toEqual(sketch(thread.shown))
}

async function compareRuns(thread: ThreadModel): Promise<void> {
  const runs = await runsOf(both, thread.id)
  expect(new Map(runs.map(({ id, openai }) => [id, openai]))).toEqual(thread.runs)
  for (const { openai, langgraph } of runs) expect(langgraph).toBe(LANGGRAPH_STATUS[openai] as typeof langgraph)
}

async function compareThread(thread: ThreadModel): Promise<void> {
  const shown = await both.langgraph.threads.get(thread.id)
  const { graph_id: _graph, assistant_id: _assistant, ...metadata } = (shown.metadata ?? {}) as Record<string, unknown>
  expect(metadata).toEqual(thread.metadata)
  expect((await both.openai.beta.threads.retrieve(threadName(thread.id))).metadata).toEqual(asText(shown.metadata))
  expect(shown.status).toBe(thread.waiting ? 'interrupted' : thread.failed ? 'error' : 'idle')
  expect(sketch(linesOf(shown.values))).toEqual(sketch(thread.state))
}

/** Newest first, each with a parent that is there too, and none ever changes. */
async function comparePast(thread: ThreadModel): Promise<void> {
  const past = await pastOf(both, thread.id)
  const ids = past.map(({ checkpoint }) => checkpoint.checkpoint_id ?? '')
  expect(ids).toEqual(ids.toSorted().reverse())
  for (const { checkpoint, parent_checkpoint: parent, values } of past) {
    const id = checkpoint.checkpoint_id ?? ''
    const known = thread.past.get(id)
    if (known) expect(sketch(linesOf(values))).toEqual(sketch(known))
    else thread.past.set(id, linesOf(values))
    if (parent && !thread.cut) expect(ids).toContain(parent.checkpoint_id ?? '')
  }
}

async function playSequence(seed: number): Promise<void> {
  const chance = new Chance(seed)
  let words = 0
  const word = () => `w${++words}`
  const threads: [ThreadModel, ...ThreadModel[]] = [await newThread(chance, word)]
  const played: string[] = []
  try {
    for (let i = 0; i < MOVES_EACH; i++) {
      const thread = chance.pick(threads)
      const move = chance.pick(MOVES)
      played.push(`${move.name} on ${threads.indexOf(thread)}`)
      const table: Table = { both, chance, assistants, thread, word, add: (copy) => threads.push(copy) }
      await move(table)
      await compareMessages(thread)
      if (chance.is(0.3)) await comparePast(thread)
    }
    for (const thread of threads) {
      await compareMessages(thread)
      await compareRuns(thread)
      await compareThread(thread)
      await comparePast(thread)
    }
  } catch (cause) {
    throw new Error(`Sequence ${seed}, thread ${threads.map(({ id }) => id).join(', ')}, after ${played.join('; ')}`, { cause })
  }
}

test(
  `${SEQUENCES} random sequences of operations through both dialects: all views agree (DIALECT_SEED=${SEED})`,
  async () => {
    const namespace = ['dialects', `${SEED}`]
    await both.langgraph.store.putItem(namespace, 'kept', { as: 'it was' })
    const seeds = Array.from({ length: SEQUENCES }, (_, i) => SEED + i)
    const player = async () => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) await playSequence(seed)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, player))
    expect(await both.langgraph.store.getItem(namespace, 'kept')).toMatchObject({ value: { as: 'it was' } })
    expect((await both.langgraph.store.searchItems(['dialects'])).items).toHaveLength(1)
  },
  SEQUENCES * 4_000 + 60_000,
)
