import type { Json, JsonObject } from '../../src/core/json.ts'
import { type GraphClient, runIn } from './graph-client.ts'
import type { SentRun, WatchedRun } from './graph-history.ts'
import type { Answer, Ask, Frame } from './wire.ts'

export type Strategy = 'reject' | 'enqueue' | 'interrupt' | 'rollback'

export interface Manner {
  strategy?: Strategy
  /** Of the client's own thread, which nobody else uses: who is refused there waits, and asks again. */
  own: boolean
  /** Somebody may stop it on the way. */
  cancels?: boolean
}

const MODES: readonly (readonly string[])[] = [
  ['values'],
  ['updates', 'values'],
  ['values', 'messages', 'custom'],
  ['messages-tuple', 'updates', 'custom'],
  ['values', 'debug', 'tasks', 'checkpoints', 'updates'],
]

/** What became of a request for a run. `unknown`: nobody was told, and it was not found. */
export type Course = 'over' | 'gone' | 'refused' | 'unknown'

/** Starts runs in every way there is and stays with each until it is over. */
export class GraphRunner {
  constructor(private readonly client: GraphClient) {}

  async run(sent: SentRun, manner: Manner): Promise<Course> {
    const { client } = this
    client.ground.onMoment(sent.answer !== null ? 'resume' : manner.strategy === 'enqueue' ? 'enqueue' : 'create')
    const way = client.chance.next()
    if (way < 0.5) return this.streamed(sent, manner)
    return way < 0.7 ? this.waited(sent, manner) : this.behind(sent, manner)
  }

  private body(sent: SentRun, { strategy }: Manner): JsonObject {
    const { chance, ground } = this.client
    const body: JsonObject = {
      ...{
        assistant_id: sent.task.graph === 'assistant' ? ground.assistant : sent.task.graph,
        metadata: { tag: sent.tag },
        stream_mode: [...chance.pick(MODES as [string[], ...string[][]])],
      },
      ...{ stream_resumable: true, on_disconnect: 'continue', stream_subgraphs: chance.is(0.5) },
      ...(sent.answer === null ? { input: sent.task.input } : { command: { resume: sent.answer } }),
    }
    if (strategy) body.multitask_strategy = strategy
    if (chance.is(0.15)) body.durability = chance.pick(['async', 'exit'] as const)
    if (sent.webhook) body.webhook = ground.receiver
    if (sent.thread === null) body.on_completion = sent.temporary ? 'delete' : 'keep'
    return body
  }

  private ask(sent: SentRun, manner: Manner, way: '' | '/stream' | '/wait'): Ask {
    const base = sent.thread === null ? '' : `/threads/${sent.thread}`
    const key = this.client.key()
    return { path: `${base}/runs${way}`, body: this.body(sent, manner), ...(key === undefined ? {} : { key }) }
  }

  private began(sent: SentRun, place: string): void {
    sent.id = runIn(place)
  }

  /** Where nobody was told whether it began. */
  private async look(sent: SentRun): Promise<string | undefined> {
    if (sent.thread === null) return undefined
    const id = await this.client.find(sent)
    return id === undefined ? undefined : `/threads/${sent.thread}/runs/${id}`
  }

  private async behind(sent: SentRun, manner: Manner): Promise<Course> {
    const { client } = this
    const answer = await this.insist(sent, manner, () => client.write(this.ask(sent, manner, '')))
    if (answer && answer.status !== 200 && (await this.isRefused(sent, manner, answer))) return 'refused'
    const place = answer?.place ?? (await this.look(sent))
    if (place === undefined || place === null) return 'unknown'
    this.began(sent, place)
    if (sent.thread === null) sent.thread = String(answer?.body.thread_id)
    if (manner.cancels) await this.cancel(sent)
    if (client.chance.is(0.4)) {
      await client.follow(client.watch(sent, place))
      return 'over'
    }
    if (client.chance.is(0.3) && !sent.mayVanish && !sent.temporary) return this.join(sent, `/threads/${sent.thread}/runs/${sent.id}`)
    return (await client.poll(sent)) ? 'over' : 'gone'
  }

  private async waited(sent: SentRun, manner: Manner): Promise<Course> {
    const { client } = this
    let place: string | null = null
    const onHead = (given: string | null): void => {
      place = given
    }
    const answer = await this.insist(sent, manner, () => client.write(this.ask(sent, manner, '/wait'), onHead))
    if (answer && answer.status !== 200 && (await this.isRefused(sent, manner, answer))) return 'refused'
    place ??= (await this.look(sent)) ?? null
    if (place === null) return 'unknown'
    this.began(sent, place)
    if (answer?.status === 200 && !this.isCut(answer)) {
      client.history.answers.push({ sent, values: answer.body as Json })
      return 'over'
    }
    return sent.thread === null ? 'over' : this.join(sent, place)
  }

  /** The server had to break off the wait, not the run. */
  private isCut({ body }: Answer): boolean {
    const { __error__: error } = body as { __error__?: { error?: string } }
    return error?.error === 'UnavailableError' || error?.error === 'NotFoundError'
  }

  private async join(sent: SentRun, place: string): Promise<Course> {
    const { client } = this
    for (;;) {
      const { status, body } = await client.read(`${place}/join`)
      if (status === 404 && sent.mayVanish) return 'gone'
      if (status !== 200) client.complain(`join ${place}`, { status, body })
      else if (this.isCut({ status, body })) {
        if (sent.mayVanish) return 'gone'
        await Bun.sleep(50)
        continue
      } else client.history.answers.push({ sent, values: body as Json })
      return 'over'
    }
  }

  private async streamed(sent: SentRun, manner: Manner): Promise<Course> {
    const { client } = this
    let frames: Frame[] = []
    const partials: Frame[][] = []
    let place: string | null = null
    const onHead = (given: string | null): void => {
      place = given
    }
    const ask = this.ask(sent, manner, '/stream')
    let listened = await client.listen(ask, frames, onHead)
    for (let tries = 0; tries < 2000 && this.repeats(ask, { ...listened, frames }); tries++) {
      client.history.counts.keyedRetries++
      partials.push(frames)
      frames = []
      await Bun.sleep(20)
      listened = await client.listen(ask, frames, onHead)
    }
    const { ending, refusal } = listened
    if (refusal && refusal.status < 500 && (await this.isRefused(sent, manner, refusal))) return 'refused'
    if (ending === 'gone') {
      if (!sent.mayVanish) client.history.complain(`run ${place ?? sent.tag} is gone for its reader`)
      return 'gone'
    }
    place ??= (await this.look(sent)) ?? null
    if (place === null) return 'unknown'
    this.began(sent, place)
    if (sent.thread === null) sent.thread = threadIn(frames)
    const watched = client.watch(sent, place)
    watched.frames.push(...frames)
    watched.partials.push(...partials)
    watched.ended = ending === 'ended'
    if (manner.cancels) await this.cancel(sent)
    await this.toTheEnd(watched)
    return 'over'
  }

  private async toTheEnd(watched: WatchedRun): Promise<void> {
    if (watched.ended) return
    watched.resumes++
    this.client.history.counts.resumes++
    await this.client.follow(watched)
  }

  /** With a key a request may be sent again: it must be where nothing came, and is at times where the stream broke later. */
  private repeats({ key }: Ask, { ending, refusal, frames }: { ending: string; refusal: Answer | undefined; frames: Frame[] }): boolean {
    if (key === undefined || ending === 'ended' || ending === 'gone' || (refusal && refusal.status < 500)) return false
    return frames.length === 0 || this.client.chance.is(0.3)
  }

  /** A run whose request was never answered may take effect late and hold the thread: then its end is awaited. */
  private async insist<A extends Answer>(sent: SentRun, manner: Manner, write: () => Promise<A | undefined>): Promise<A | undefined> {
    const answer = await write()
    if (answer?.status !== 409 || !manner.own) return answer
    await this.settle(String(sent.thread))
    return write()
  }

  /** Only who rejects, and who meets a late run of its own, may be refused. What began and could not be told of says 409 too. */
  private async isRefused(sent: SentRun, { own, strategy }: Manner, refusal: Answer): Promise<boolean> {
    if (refusal.status === 409 && (await this.look(sent)) !== undefined) return false
    if (refusal.status !== 409 || !(own || strategy === 'reject')) this.client.complain(`${strategy ?? 'create'} ${sent.tag}`, refusal)
    this.client.history.counts.refusedBusy++
    if (own && sent.thread !== null) await this.settle(sent.thread)
    return true
  }

  /** Until nobody is at work on the thread. */
  async settle(thread: string): Promise<void> {
    const until = performance.now() + 90_000
    for (;;) {
      const { status, body } = await this.client.read(`/threads/${thread}`)
      if (status !== 200 || body.status !== 'busy') return
      if (performance.now() > until) return this.client.history.complain(`${thread} stays busy`)
      await Bun.sleep(50)
    }
  }

  private async cancel(sent: SentRun): Promise<void> {
    const { client } = this
    await Bun.sleep(client.chance.between(0, 200))
    const rollback = client.chance.is(0.5)
    if (rollback) sent.mayVanish = true
    client.ground.onMoment(rollback ? 'rollback' : 'cancel')
    const path = `/threads/${sent.thread}/runs/${sent.id}/cancel?action=${rollback ? 'rollback' : 'interrupt'}&wait=${client.chance.between(0, 1)}`
    const answer = await client.write({ path, body: {} })
    if (answer?.status === 200) client.history.counts[rollback ? 'rollbacks' : 'cancels']++
    else if (answer && answer.status !== 404) client.complain(`cancel ${sent.id}`, answer)
  }
}

function threadIn(frames: Frame[]): string | null {
  const frame = frames.find(({ event }) => event === 'metadata')
  return frame ? String((JSON.parse(frame.data) as JsonObject).thread_id) : null
}
