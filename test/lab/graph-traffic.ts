import type { Json, JsonObject } from '../../src/core/json.ts'
import type { Chance } from './chance.ts'
import { GraphClient, type GraphGround } from './graph-client.ts'
import { startCrowds } from './graph-crowds.ts'
import type { SentRun } from './graph-history.ts'
import { anyTask, askingTask, type Task } from './graph-kinds.ts'
import { startLoners } from './graph-loners.ts'
import { GraphRunner } from './graph-runs.ts'

/** Starts `count` clients of each sort; each ends once the ground says so and what it has begun is over. */
export function startGraphClients(ground: GraphGround, count: number, chance: Chance): Promise<unknown> {
  const walkers = Array.from({ length: count }, (_, n) => new Walker(new GraphClient(ground, chance.fork(), `w${n}`)).live())
  return Promise.all([...walkers, startCrowds(ground, Math.ceil(count / 5), chance.fork()), startLoners(ground, chance.fork())])
}

/** The node behind which a graph has ended. */
const LAST_NODE: Record<string, string> = { work: 'work', fan: 'gather', nest: 'close', ask: 'act', boom: 'boo' }

/** One person at work: a thread of his own, some runs on it, some changes by hand, and again. */
class Walker {
  private readonly runner: GraphRunner

  constructor(private readonly client: GraphClient) {
    this.runner = new GraphRunner(client)
  }

  async live(): Promise<void> {
    const { ground, name } = this.client
    while (!ground.stopping()) {
      try {
        await this.visit()
      } catch (cause) {
        ground.history.complain(`${name}: ${cause instanceof Error ? cause.stack : cause}`)
      }
    }
  }

  private async visit(): Promise<void> {
    const { chance, ground } = this.client
    const thread = await this.client.createThread()
    if (thread === undefined) return
    for (let round = chance.between(1, 5); round > 0 && !ground.stopping(); round--) {
      const one = chance.next()
      if (one < 0.55) await this.work(thread, anyTask(this.client.tag('task'), chance))
      else if (one < 0.8) await this.ask(thread)
      else if (one < 0.9) await this.update(thread)
      else if (one < 0.96) await this.rename(thread)
      else return this.remove(thread)
    }
  }

  private async work(thread: string, task: Task): Promise<void> {
    const { chance } = this.client
    const sent = this.client.note(task, { thread, webhook: chance.is(0.15) })
    const course = await this.runner.run(sent, { own: true, cancels: chance.is(0.12) })
    if (course === 'over' && chance.is(0.08)) await this.deleteRun(sent)
  }

  /** A run that stops to ask, and the one that brings the answer; some are never answered. */
  private async ask(thread: string): Promise<void> {
    const { client } = this
    const task = askingTask(client.tag('task'), client.chance)
    const asking = client.note(task, { thread, webhook: client.chance.is(0.15) })
    await this.runner.run(asking, { own: true })
    if (client.chance.is(0.1)) return
    for (let tries = 0; tries < 20; tries++) {
      await this.runner.settle(thread)
      const { status, body } = await client.read(`/threads/${thread}`)
      if (status !== 200) return client.complain(`read ${thread}`, { status, body })
      if (body.status !== 'interrupted' || !asksFor(body, task.tag)) return
      const sent = client.note(task, { thread, answer: `yes-${task.tag.length}` })
      if ((await this.runner.run(sent, { own: true, cancels: client.chance.is(0.1) })) === 'over') return
    }
  }

  private async update(thread: string): Promise<void> {
    const { client } = this
    await this.runner.settle(thread)
    const { status } = (await client.read(`/threads/${thread}`)).body
    const graph = await this.graphOf(thread)
    const node = LAST_NODE[graph]
    if (node === undefined || status !== 'idle') return
    const update = { thread, tag: client.tag('update'), acked: false, checkpoint: null as string | null }
    client.history.updates.push(update)
    client.ground.onMoment('update')
    const values = { lines: [update.tag], messages: [{ role: 'user', id: update.tag, content: update.tag }] }
    const key = client.key()
    const answer = await client.write({ path: `/threads/${thread}/state`, body: { values, as_node: node }, ...(key ? { key } : {}) })
    if (answer === undefined) return
    if (answer.status === 200) Object.assign(update, { acked: true, checkpoint: String(answer.body.checkpoint_id) })
    // A run of which nobody was told may have begun meanwhile, or been there and gone.
    else if (answer.status !== 409 && (await this.graphOf(thread)) === graph) client.complain(`update ${thread}`, answer)
  }

  /** The graph that made the newest state. */
  private async graphOf(thread: string): Promise<string> {
    const { body } = await this.client.read(`/threads/${thread}/state`)
    return String((body.metadata as JsonObject | undefined)?.graph_id)
  }

  private async rename(thread: string): Promise<void> {
    const answer = await this.client.write({ method: 'PATCH', path: `/threads/${thread}`, body: { metadata: { renamed: true } } })
    if (answer && answer.status !== 200) this.client.complain(`change ${thread}`, answer)
  }

  private async deleteRun(sent: SentRun): Promise<void> {
    const { client } = this
    const wasMay = sent.mayVanish
    sent.mayVanish = true
    for (let tries = 0; tries < 500; tries++) {
      const answer = await client.write({ method: 'DELETE', path: `/threads/${sent.thread}/runs/${sent.id}` })
      if (answer === undefined) continue
      if (answer.status === 204) {
        sent.removed = true
        client.history.counts.deletes++
      } else if (answer.status !== 404 || !(wasMay || tries > 0)) client.complain(`delete ${sent.id}`, answer)
      return
    }
  }

  private async remove(thread: string): Promise<void> {
    const known = this.client.history.threads.get(thread)
    if (!known) return
    const answer = await this.client.write({ method: 'DELETE', path: `/threads/${thread}` })
    // Without an answer nobody knows, and nobody asks for it again.
    if (answer === undefined) this.client.history.threads.delete(thread)
    else if (answer.status === 204) known.deleted = true
    else this.client.complain(`delete ${thread}`, answer)
    for (const run of this.client.history.runs) if (run.thread === thread) run.mayVanish = true
  }
}

/** Whether the thread's question is the one of this task. */
function asksFor(thread: JsonObject, tag: string): boolean {
  const asked = Object.values((thread.interrupts ?? {}) as Record<string, { value: Json }[]>).flat()
  return asked.some(({ value }) => (value as { tag?: string } | null)?.tag === tag)
}
