import type { JsonObject } from '../../src/core/json.ts'
import type { Chance } from './chance.ts'
import { GraphClient, type GraphGround, runIn } from './graph-client.ts'
import type { KnownItem } from './graph-history.ts'
import { nestTask, workTask } from './graph-kinds.ts'
import { GraphRunner } from './graph-runs.ts'

/** Those who do not walk through threads: runs without one, the store, crons, forks, and the built-in graph. */
export function startLoners(ground: GraphGround, chance: Chance): Promise<unknown> {
  const loner = (name: string, work: (client: GraphClient) => Promise<void>) => live(new GraphClient(ground, chance.fork(), name), work)
  return Promise.all([
    ...[1, 2, 3].map((n) => loner(`s${n}`, stateless)),
    ...[1, 2].map((n) => loner(`i${n}`, storing())),
    ...[1, 2].map((n) => loner(`f${n}`, forking)),
    loner('b1', builtIn),
    scheduling(new GraphClient(ground, chance.fork(), 'cron')),
  ])
}

async function live(client: GraphClient, work: (client: GraphClient) => Promise<void>): Promise<void> {
  while (!client.ground.stopping()) {
    try {
      await work(client)
    } catch (cause) {
      client.history.complain(`${client.name}: ${cause instanceof Error ? cause.stack : cause}`)
    }
  }
}

async function stateless(client: GraphClient): Promise<void> {
  const { chance } = client
  const runner = new GraphRunner(client)
  const tag = client.tag('task')
  const pauseMs = chance.pick([2, 20, 100] as const)
  const task = chance.is(0.7) ? workTask(tag, { steps: chance.between(1, 5), pauseMs }) : nestTask(tag, { asks: false, pauseMs })
  if (chance.is(0.2)) return batch(client)
  await runner.run(client.note(task, { thread: null, temporary: chance.is(0.6), webhook: chance.is(0.2) }), { own: false })
  await Bun.sleep(chance.between(0, 200))
}

async function batch(client: GraphClient): Promise<void> {
  const tasks = Array.from({ length: 3 }, () => workTask(client.tag('task'), { steps: 2, pauseMs: 10 }))
  const sent = tasks.map((task) => client.note(task, { thread: null }))
  const body = sent.map(({ tag, task }) => ({ assistant_id: task.graph, input: task.input, metadata: { tag }, on_completion: 'keep' }))
  const key = client.key()
  const answer = await client.write({ path: '/runs/batch', body: body as unknown as JsonObject, ...(key ? { key } : {}) })
  if (answer === undefined) return
  if (answer.status !== 200) return client.complain('batch', answer)
  for (const [n, run] of (answer.body as unknown as JsonObject[]).entries())
    if (sent[n]) Object.assign(sent[n], { id: String(run.run_id), thread: String(run.thread_id) })
  for (const one of sent) await client.poll(one)
}

/** For that long a write of which nobody was told may still take effect. */
const LATE_MS = 5_000

function storing(): (client: GraphClient) => Promise<void> {
  const known = new Map<string, KnownItem & { unsure: { value: JsonObject | null; at: number }[] }>()
  return async (client) => {
    const { chance } = client
    const key = `k${chance.between(0, 9)}`
    const namespace = ['lab', client.name]
    const item = known.get(key) ?? { namespace, key, may: [null], unsure: [] }
    if (!known.has(key)) {
      known.set(key, item)
      client.history.items.push(item)
    }
    const value: JsonObject | null = chance.is(0.2) ? null : { said: client.tag('value') }
    item.unsure.push({ value, at: performance.now() })
    item.may.push(value)
    const answer = await client.write(
      value
        ? { method: 'PUT', path: '/store/items', body: { namespace, key, value } }
        : { method: 'DELETE', path: '/store/items', body: { namespace, key } },
    )
    if (answer?.status === 204 || answer?.status === 200) {
      item.unsure.pop()
      item.unsure = item.unsure.filter(({ at }) => at > performance.now() - LATE_MS)
      item.may = [value, ...item.unsure.map((late) => late.value)]
    } else if (answer) client.complain('store', answer)
    await Bun.sleep(chance.between(5, 100))
  }
}

/** A thread with a history of its own making: goes back in it, and on from there. Every request has its key, so all is known. */
async function forking(client: GraphClient): Promise<void> {
  const { history, chance } = client
  const thread = await client.createThread()
  if (thread === undefined) return
  history.forked.add(thread)
  const run = async (body: JsonObject): Promise<boolean> => {
    const tag = client.tag('fork')
    const ask = { path: `/threads/${thread}/runs`, body: { assistant_id: 'work', metadata: { tag }, ...body }, key: client.tag('key') }
    const answer = await client.write(ask)
    if (answer?.status !== 200) {
      if (answer) client.complain(`fork ${tag}`, answer)
      return false
    }
    const sent = client.note(workTask(tag, { steps: 1, pauseMs: 0 }), { thread })
    Object.assign(sent, { id: runIn(String(answer.place)), tag })
    return (await client.poll(sent))?.status === 'success'
  }
  const before = workTask(client.tag('task'), { steps: chance.between(1, 3), pauseMs: 5 })
  const after = workTask(client.tag('task'), { steps: chance.between(2, 4), pauseMs: chance.pick([5, 50] as const) })
  if (!(await run({ input: before.input }))) return
  const { body: state } = await client.read(`/threads/${thread}/state`)
  const checkpoint = String((state.checkpoint as JsonObject).checkpoint_id)
  if (!(await run({ input: workTask(client.tag('task'), { steps: 2, pauseMs: 5 }).input }))) return
  if (!(await run({ input: after.input, checkpoint_id: checkpoint }))) return
  // And once more from the middle of what it did then: the steps behind are done again.
  if (chance.is(0.5)) {
    const { body } = await client.read(`/threads/${thread}/history`, { limit: 50 })
    const middle = (body as unknown as JsonObject[]).find(
      ({ values }) => (values as { lines?: string[] }).lines?.at(-1) === `${after.tag}/0`,
    )
    if (!middle) return history.complain(`${thread} has no state behind the first step of ${after.tag}`)
    if (!(await run({ input: null, checkpoint_id: String((middle.checkpoint as JsonObject).checkpoint_id) }))) return
  }
  history.forks.push({ thread, lines: [...before.lines, ...after.lines] })
  const copied = await client.write({ path: `/threads/${thread}/copy`, body: {}, key: client.tag('key') })
  if (copied?.status === 200) {
    const id = String(copied.body.thread_id)
    history.forked.add(id)
    history.forks.push({ thread: id, lines: [...before.lines, ...after.lines] })
  } else if (copied) client.complain(`copy ${thread}`, copied)
}

/** The graph that every server has: its tokens are in other events of the journal than those of users' graphs. */
async function builtIn(client: GraphClient): Promise<void> {
  const thread = await client.createThread()
  if (thread === undefined) return
  const tag = client.tag('task')
  const task = { graph: 'assistant' as const, tag, input: { messages: [{ role: 'user', content: tag }] }, lines: [] }
  for (let round = 0; round < 2; round++)
    await new GraphRunner(client).run(client.note(task, { thread }), { own: true, cancels: client.chance.is(0.1) })
}

/** Both kinds, every second; at the end they are removed or switched off. */
async function scheduling(client: GraphClient): Promise<void> {
  const { history, chance, ground } = client
  const crons: { id: string; tag: string; since: number; stopped: number | null }[] = []
  for (let n = 0; n < 4 && !ground.stopping(); n++) {
    const tag = client.tag('cron')
    const thread = n % 2 === 0 ? await client.createThread() : undefined
    if (thread) history.cronThreads.add(thread)
    const { input } = workTask(tag, { steps: 1, pauseMs: 5 })
    const body = {
      assistant_id: 'work',
      input,
      metadata: { tag },
      schedule: '* * * * * *',
      on_run_completed: 'keep',
      multitask_strategy: 'enqueue',
    }
    const path = thread ? `/threads/${thread}/runs/crons` : '/runs/crons'
    const since = Date.now()
    const answer = await client.write({ path, body, key: client.tag('key') })
    if (answer?.status !== 200) {
      if (answer) client.complain('create cron', answer)
      continue
    }
    crons.push({ id: String(answer.body.cron_id), tag, since, stopped: null })
    await Bun.sleep(chance.between(0, 500))
  }
  history.crons.push(...crons)
  while (!ground.stopping()) await Bun.sleep(100)
  for (const [n, cron] of crons.entries()) {
    const path = `/runs/crons/${cron.id}`
    for (let tries = 0; tries < 500 && cron.stopped === null; tries++) {
      const answer = await client.write(n < 2 ? { method: 'DELETE', path } : { method: 'PATCH', path, body: { enabled: false } })
      if (answer && answer.status !== 404 && answer.status >= 400) client.complain('delete cron', answer)
      if (answer) cron.stopped = Date.now()
    }
  }
}
