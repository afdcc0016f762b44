import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/core/json.ts'
import { EntitiesClient, HttpError, textOf } from '../support/entities-client.ts'
import { type ModelServer, startModelServer } from '../support/model-server.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { newPerson } from '../surfaces/entities/kit.ts'

/** Rounds to play, and the seed of the first; a round is repeated by its own. */
const ROUNDS = Number(process.env.ENTITIES_ROUNDS ?? 12)
const SEED = Number(process.env.ENTITIES_SEED ?? 1)
const AT_ONCE = 4
const TURNS_MAX = 3

let upstream: ModelServer
let servers: Served[]
let clients: EntitiesClient[]
let assistant: string

beforeAll(async () => {
  upstream = startModelServer(({ body }) => turnOf(body.messages as JsonObject[]))
  const providers = [{ name: 'up', baseUrl: upstream.url, apiKey: 'sk-x', models: [] }]
  const first = await serve({ providers }, { worker: true })
  servers = [first, await serve({ providers }, { worker: true, beside: first })]
  const { key } = await newPerson(first)
  clients = servers.map(({ url }) => new EntitiesClient(`${url}/entities`, key))
  const client = clients[0] as EntitiesClient
  assistant = String((await client.createAssistant()).id)
  const tool = await client.createTool('look')
  await client.request('POST', `/assistants/${assistant}/tools/${tool.id}`)
}, 2 * SERVER_START_MS)
afterAll(async () => {
  for (const served of [...servers].reverse()) await served.close()
  await upstream.stop()
})

/** What the user says is how many calls each turn makes, e.g. `2,1`: after so many turns of calls comes the answer. */
function turnOf(messages: JsonObject[]) {
  const at = messages.findLastIndex(({ role }) => role === 'user')
  const plan = String(messages[at]?.content).split(',').map(Number)
  const turn = messages.slice(at + 1).filter(({ role }) => role === 'assistant').length
  const count = plan[turn]
  if (count === undefined) return { text: ['do', 'ne'], pauseMs: 1 }
  const calls = Array.from({ length: count }, (_, i) => ({
    id: `call_${turn}_${i}`,
    name: 'look',
    arguments: `{"turn":${turn},"call":${i}}`,
  }))
  return { calls, pauseMs: 1 }
}

/** Numbers that follow from the seed alone (mulberry32). */
function dice(seed: number) {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return { below: (n: number): number => Math.floor(next() * n), pause: () => Bun.sleep(Math.floor(next() ** 3 * 40)) }
}

type Dice = ReturnType<typeof dice>

interface Round {
  dice: Dice
  threadId: string
  runId: string
  /** How often each action was executed by somebody. */
  executed: Map<string, number>
  over: boolean
}

/** Which server a request goes to is chance. */
const anyClient = ({ dice }: Round): EntitiesClient => clients[dice.below(clients.length)] as EntitiesClient

/** Sees to what is pending, as long as the run is not over; every so often an output is sent once more. */
async function poll(round: Round, claimed: Set<string>): Promise<void> {
  while (!round.over) {
    await round.dice.pause()
    for (const action of await anyClient(round).pendingActions(round.runId)) {
      const id = String(action.action_id)
      if (claimed.has(id)) continue
      claimed.add(id)
      round.executed.set(id, (round.executed.get(id) ?? 0) + 1)
      await round.dice.pause()
      const times = 1 + round.dice.below(2)
      for (let i = 0; i < times; i++) await submit(round, id)
    }
  }
}

/** Two pollers may bring the same output: one is taken, and the other is told so or that it came too late. */
async function submit(round: Round, actionId: string): Promise<void> {
  try {
    await anyClient(round).submitToolOutput(round.threadId, { actionId, content: `did ${actionId}`, assistantId: assistant })
  } catch (error) {
    if (!(error instanceof HttpError) || error.status !== 400) throw error
  }
}

/** Opens completions until the run is over; some clients leave in the middle. */
async function read(round: Round): Promise<string> {
  for (;;) {
    await round.dice.pause()
    const stop = new AbortController()
    const leaves = round.dice.below(4) === 0
    if (leaves) setTimeout(() => stop.abort(), round.dice.below(30))
    const completion = { thread_id: round.threadId, run_id: round.runId, assistant_id: assistant, model: 'up/m' }
    const text = await textUnlessLeft(anyClient(round), completion, stop.signal)
    if (text?.endsWith('done')) return text
    const { status } = await anyClient(round).retrieveRun(round.runId)
    if (status === 'failed' || status === 'cancelled' || status === 'expired') throw new Error(`The run is ${status}`)
  }
}

async function textUnlessLeft(client: EntitiesClient, completion: Parameters<EntitiesClient['chunks']>[0], signal: AbortSignal) {
  try {
    return textOf(await client.chunks(completion, { signal }))
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  }
}

async function play(seed: number): Promise<void> {
  const rolled = dice(seed)
  const plan = Array.from({ length: 1 + rolled.below(TURNS_MAX) }, () => 1 + rolled.below(3))
  const client = clients[0] as EntitiesClient
  const threadId = String((await client.createThread()).id)
  await client.createMessage(threadId, plan.join(','), { assistantId: assistant })
  const runId = String((await client.createRun(threadId, assistant)).id)
  const round: Round = { dice: rolled, threadId, runId, executed: new Map(), over: false }
  const shared = new Set<string>()
  // Pollers that know of each other execute once; those that do not send the same output twice.
  const pollers = rolled.below(2) === 0 ? [poll(round, shared), poll(round, shared)] : [poll(round, new Set()), poll(round, new Set())]
  const readers = Array.from({ length: 1 + rolled.below(3) }, () => read(round))
  const said = await Promise.all(readers).finally(() => {
    round.over = true
  })
  await Promise.all(pollers)
  expect(said.every((text) => text.endsWith('done'))).toBe(true)
  await check(round, plan)
}

async function check({ threadId, runId, executed }: Round, plan: number[]): Promise<void> {
  const client = clients[0] as EntitiesClient
  const calls = plan.reduce((sum, n) => sum + n, 0)
  const actions = await client.json<JsonObject[]>('GET', `/runs/${runId}/actions/status?status=completed`)
  expect(actions).toHaveLength(calls)
  expect([...executed.keys()].sort()).toEqual(actions.map(({ id }) => String(id)).sort())
  expect(actions.every(({ id, result }) => (result as JsonObject).output === `did ${id}`)).toBe(true)
  expect(await client.retrieveRun(runId)).toMatchObject({ status: 'completed' })
  const said = (await client.formatted(threadId)).slice(2)
  expect(said.map(({ role }) => role)).toEqual([
    ...plan.flatMap((n) => ['assistant', ...Array.from({ length: n }, () => 'tool')]),
    'assistant',
  ])
  expect(said.at(-1)?.content).toBe('done')
  const outputs = said.filter(({ role }) => role === 'tool')
  expect(new Set(outputs.map(({ tool_call_id }) => tool_call_id)).size).toBe(calls)
  expect(outputs.every(({ tool_call_id, content }) => content === `did ${tool_call_id}`)).toBe(true)
}

test(
  `${ROUNDS} rounds of tool calls from seed ${SEED} on: whatever the timing, each turn is said once and each action done once`,
  async () => {
    const asked = upstream.requests.length
    const seeds = Array.from({ length: ROUNDS }, (_, i) => SEED + i)
    let turns = 0
    const next = async (): Promise<void> => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        try {
          await play(seed)
        } catch (cause) {
          throw new Error(`The round of seed ${seed} failed`, { cause })
        }
        turns++
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, next))
    expect(turns).toBe(ROUNDS)
    // One request for each turn, over all rounds.
    const expected = Array.from({ length: ROUNDS }, (_, i) => 2 + dice(SEED + i).below(TURNS_MAX)).reduce((sum, n) => sum + n, 0)
    expect(upstream.requests.length - asked).toBe(expected)
  },
  60_000 + ROUNDS * 4_000,
)
