import type { JsonObject } from '../../src/core/json.ts'
import type { Chance } from './chance.ts'
import { type Ground, isEnded, LabClient, type RunRef } from './client.ts'
import type { Watched } from './history.ts'
import type { Answer, Ask, Frame } from './wire.ts'

/** Runs that last from 50 to 1500 ms, by their names. */
const MODELS = ['t5-d10', 't10-d20', 't40-d5', 't30-d20', 't150-d2', 't25-d60'] as const

/** Starts `count` clients; each ends once the ground says so and what it has begun is over. */
export function startClients(ground: Ground, count: number, chance: Chance): Promise<unknown> {
  const clients = Array.from({ length: count }, (_, index) => new Visitor(new LabClient(ground, chance.fork(), `c${index}`)))
  return Promise.all(clients.map((client) => client.live()))
}

interface Wanted {
  thread: string
  body: JsonObject
  tag: string
  key: string | undefined
  /** Message that comes with the run. */
  extra: string | undefined
}

/** One person at work: a thread, some messages, some runs, and again. */
class Visitor {
  private readonly chance: Chance

  constructor(private readonly client: LabClient) {
    this.chance = client.chance
  }

  private get ground(): Ground {
    return this.client.ground
  }

  async live(): Promise<void> {
    while (!this.ground.stopping()) {
      try {
        await this.visit()
      } catch (cause) {
        this.ground.history.complain(`${this.client.name}: ${cause instanceof Error ? cause.stack : cause}`)
      }
    }
  }

  private async visit(): Promise<void> {
    const thread = await this.createThread()
    if (thread === undefined) return
    for (let round = this.chance.between(1, 2); round > 0; round--) {
      for (let n = this.chance.between(1, 3); n > 0; n--) await this.append(thread)
      await this.run(thread)
      if (this.ground.stopping()) return
    }
  }

  private key(): string | undefined {
    return this.chance.is(0.4) ? this.client.tag('key') : undefined
  }

  private async createThread(): Promise<string | undefined> {
    const { history } = this.ground
    const tag = this.client.tag('thread')
    history.sent.threads.add(tag)
    const answer = await this.client.write(keyed({ path: '/v1/threads', body: { metadata: { tag } } }, this.key()))
    if (answer === undefined) return undefined
    if (answer.status !== 200) return void history.complain(`create thread: ${answer.status} ${JSON.stringify(answer.body)}`)
    const id = String(answer.body.id)
    history.threads.push({ id, thread: id, tag })
    return id
  }

  private async append(thread: string): Promise<void> {
    const { history } = this.ground
    const tag = this.client.tag('message')
    const text = `${tag} ${'word '.repeat(this.chance.between(1, 30))}`
    history.sent.messages.add(tag)
    const ask = { path: `/v1/threads/${thread}/messages`, body: { role: 'user', content: text, metadata: { tag } } }
    const answer = await this.insist(thread, keyed(ask, this.key()))
    if (answer === undefined) return
    if (answer.status === 200) history.messages.push({ id: String(answer.body.id), thread, tag, text })
    else history.complain(`append to idle ${thread}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }

  /** A run whose request was never answered may take effect late and hold the thread: then its end is awaited. */
  private async insist(thread: string, ask: Ask): Promise<Answer | undefined> {
    const answer = await this.client.write(ask)
    if (answer?.status !== 400) return answer
    await this.settle(thread)
    return this.client.write(ask)
  }

  private async settle(thread: string): Promise<void> {
    const { body } = await this.client.read(`/v1/threads/${thread}/runs?limit=100&envelope=true`)
    for (const run of (body.data as JsonObject[]).filter(({ status }) => !isEnded(status))) {
      this.ground.history.counts.adopted++
      await this.toTheEnd(this.client.watch({ thread, run: String(run.id) }))
    }
  }

  private async run(thread: string): Promise<void> {
    const tag = this.client.tag('run')
    const tools = this.chance.is(0.3)
    const extra = this.chance.is(0.2) ? this.client.tag('message') : undefined
    const body: JsonObject = { assistant_id: tools ? this.ground.toolAssistant : this.ground.assistant, metadata: { tag } }
    if (!tools) body.model = `scripted/${this.chance.pick(MODELS)}`
    if (extra) body.additional_messages = [{ role: 'user', content: extra, metadata: { tag: extra } }]
    const { sent } = this.ground.history
    sent.runs.add(tag)
    if (extra) sent.messages.add(extra)
    const wanted: Wanted = { thread, body, tag, key: this.key(), extra }
    const cancels = this.chance.is(0.05)
    this.ground.onCreate()
    if (this.chance.is(0.7)) await this.streamed(wanted, cancels)
    else await this.polled(wanted, cancels)
  }

  private accepted({ thread, tag, extra }: Wanted, id: string): RunRef {
    const { history } = this.ground
    history.runs.push({ id, thread, tag })
    if (extra) history.messages.push({ id: null, thread, tag: extra, text: extra })
    return { thread, run: id }
  }

  private async polled(wanted: Wanted, cancels: boolean): Promise<void> {
    const answer = await this.insist(wanted.thread, keyed({ path: `/v1/threads/${wanted.thread}/runs`, body: wanted.body }, wanted.key))
    if (answer && answer.status !== 200) this.refused(wanted, answer)
    const id = answer?.status === 200 ? String(answer.body.id) : await this.find(wanted)
    if (id === undefined) return
    const ref = this.accepted(wanted, id)
    if (cancels) await this.cancel(ref)
    for (let rounds = 0; rounds < 10; rounds++) {
      const run = await this.client.poll(ref)
      if (run.status !== 'requires_action') return
      await this.submitPlain(ref, run)
    }
  }

  private async streamed(wanted: Wanted, cancels: boolean): Promise<void> {
    const { history } = this.ground
    const ask = keyed({ path: `/v1/threads/${wanted.thread}/runs`, body: { ...wanted.body, stream: true } }, wanted.key)
    const partials: Frame[][] = []
    let frames: Frame[] = []
    let listened = await this.client.listen(ask, frames)
    for (let tries = 0; tries < 2000 && this.repeats(wanted, { ...listened, frames }); tries++) {
      history.counts.keyedRetries++
      partials.push(frames)
      frames = []
      await Bun.sleep(20)
      listened = await this.client.listen(ask, frames)
    }
    if (listened.refusal && listened.refusal.status < 500) {
      await this.settle(wanted.thread)
      if (listened.refusal.status !== 400) this.refused(wanted, listened.refusal)
      return
    }
    const id = runIdOf(frames) ?? (await this.find(wanted))
    if (id === undefined) return
    const watched = this.client.watch(this.accepted(wanted, id))
    watched.frames.push(...frames)
    watched.partials.push(...partials)
    watched.ended = listened.ending === 'done'
    if (cancels) await this.cancel(watched)
    await this.toTheEnd(watched)
  }

  /** With a key a request may be sent again: it must be where nothing came, and is at times where the stream broke later. */
  private repeats(wanted: Wanted, { ending, refusal, frames }: { ending: string; refusal: Answer | undefined; frames: Frame[] }): boolean {
    if (wanted.key === undefined || ending === 'done' || (refusal && refusal.status < 500)) return false
    return frames.length === 0 || this.chance.is(0.3)
  }

  /** On an idle thread of its own a client's run is never refused, unless an unanswered one of its own took effect. */
  private refused(wanted: Wanted, answer: Answer): void {
    this.ground.history.complain(`create run on ${wanted.thread}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }

  /** No answer came: did the run begin? A thread must be idle before the client goes on with it. */
  private async find({ thread, tag }: Wanted): Promise<string | undefined> {
    const { body } = await this.client.read(`/v1/threads/${thread}/runs?limit=100&envelope=true`)
    const found = (body.data as JsonObject[]).find((run) => (run.metadata as JsonObject).tag === tag)
    if (found) this.ground.history.counts.adopted++
    return found && String(found.id)
  }

  private async cancel({ thread, run }: RunRef): Promise<void> {
    const { history } = this.ground
    const answer = await this.client.write({ path: `/v1/threads/${thread}/runs/${run}/cancel`, body: {} })
    if (answer?.status === 200) history.counts.cancels++
    else if (answer && answer.status !== 400) history.complain(`cancel ${run}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }

  /** Follows a run, giving it the outputs it asks for, until it has ended. */
  private async toTheEnd(watched: Watched): Promise<void> {
    for (let rounds = 0; rounds < 50; rounds++) {
      if (!watched.ended) {
        watched.resumes++
        this.ground.history.counts.resumes++
        await this.client.follow(watched)
      }
      const last = watched.frames.at(-1)
      if (!watched.ended || last?.event !== 'thread.run.requires_action') return
      await this.submitStreamed(watched, JSON.parse(last.data) as JsonObject)
    }
    this.ground.history.complain(`${watched.run} asked for outputs without end`)
  }

  private outputsFor(run: JsonObject): { callId: string; output: string }[] {
    const action = run.required_action as { submit_tool_outputs: { tool_calls: { id: string }[] } } | null
    return (action?.submit_tool_outputs.tool_calls ?? []).map(({ id }) => ({ callId: id, output: this.client.tag(`output ${id}`) }))
  }

  private async submitPlain(ref: RunRef, run: JsonObject): Promise<void> {
    await Bun.sleep(this.chance.between(0, 200))
    const outputs = this.outputsFor(run)
    const answer = await this.client.write(keyed({ path: submitPath(ref), body: outputsBody(outputs) }, this.key()))
    if (answer?.status === 200) this.gave(ref, outputs)
    else if (answer && !(await this.movedOn(ref)))
      this.ground.history.complain(`submit to ${ref.run}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }

  private async submitStreamed(watched: Watched, run: JsonObject): Promise<void> {
    await Bun.sleep(this.chance.between(0, 200))
    const { history } = this.ground
    const outputs = this.outputsFor(run)
    const ask = keyed({ path: submitPath(watched), body: { ...outputsBody(outputs), stream: true } }, this.key())
    watched.ended = false
    for (let tries = 0; tries < 2000; tries++) {
      const { ending, seen, refusal } = await this.client.listen(ask, watched.frames)
      watched.ended = ending === 'done'
      if (seen > 0) return this.gave(watched, outputs)
      if (refusal && refusal.status < 500) {
        if (!(await this.movedOn(watched))) history.complain(`submit to ${watched.run}: ${refusal.status} ${JSON.stringify(refusal.body)}`)
        return
      }
      if (ask.key === undefined) return
      history.counts.keyedRetries++
      await Bun.sleep(20)
    }
  }

  /** A cancelled run, or an unanswered submission that took effect, refuses another one rightly. */
  private async movedOn({ thread, run }: RunRef): Promise<boolean> {
    const { body } = await this.client.read(`/v1/threads/${thread}/runs/${run}`)
    return isEnded(body.status) || body.status !== 'requires_action'
  }

  private gave({ run }: RunRef, outputs: { callId: string; output: string }[]): void {
    for (const output of outputs) this.ground.history.outputs.push({ run, ...output })
  }
}

const keyed = (ask: Ask, key: string | undefined): Ask => (key === undefined ? ask : { ...ask, key })
const submitPath = ({ thread, run }: RunRef): string => `/v1/threads/${thread}/runs/${run}/submit_tool_outputs`
const outputsBody = (outputs: { callId: string; output: string }[]): JsonObject => ({
  tool_outputs: outputs.map(({ callId, output }) => ({ tool_call_id: callId, output })),
})

function runIdOf(frames: Frame[]): string | undefined {
  const frame = frames.find(({ event }) => event === 'thread.run.created')
  return frame && String((JSON.parse(frame.data) as JsonObject).id)
}
