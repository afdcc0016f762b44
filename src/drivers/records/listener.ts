import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import { ignored, messageOf, toFault, within } from './errors.ts'
import { Session } from './session.ts'
import type { Target } from './target.ts'

const RETRY_FIRST_MS = 50
const RETRY_MAX_MS = 2_000
const PING_MS = 10_000

interface Subscriber {
  onPayload(payload: string): void
  onGap(): void
}

const quote = (channel: string): string => `"${channel.replaceAll('"', '""')}"`

/** One connection for all notifications; it comes back by itself and tells every subscriber that it was away. */
export class Listener {
  private readonly channels = new Map<string, Set<Subscriber>>()
  private session: Promise<Session> | undefined
  private recovering = false
  private closed = false

  constructor(
    private readonly target: Target,
    private readonly log: Log,
  ) {}

  async listen(channel: string, subscriber: Subscriber): Promise<() => Promise<void>> {
    if (this.closed) throw new Fault('unavailable', 'The database connection is closed.')
    const subscribers = this.channels.get(channel) ?? new Set<Subscriber>()
    this.channels.set(channel, subscribers.add(subscriber))
    try {
      const session = await this.connected()
      await session.run(`listen ${quote(channel)}`)
    } catch (error) {
      await this.forget(channel, subscriber)
      throw toFault(error)
    }
    this.tell(subscriber, 'onGap')
    return () => this.forget(channel, subscriber)
  }

  /** A connection that died without a word is noticed here. */
  async ping(): Promise<void> {
    const session = await this.session?.catch(ignored)
    if (session === undefined || session.lost) return
    await within(PING_MS, session.run('select 1'), () => new Fault('unavailable', 'The listener does not answer.')).catch(() =>
      session.abandon(),
    )
  }

  async close(): Promise<void> {
    this.closed = true
    this.channels.clear()
    const session = await this.session?.catch(ignored)
    await session?.end()
  }

  private async forget(channel: string, subscriber: Subscriber): Promise<void> {
    const subscribers = this.channels.get(channel)
    if (!subscribers?.delete(subscriber) || subscribers.size > 0) return
    this.channels.delete(channel)
    const session = await this.session?.catch(ignored)
    // Another subscriber may have come while we waited.
    if (session && !session.lost && !this.channels.has(channel)) await session.run(`unlisten ${quote(channel)}`).catch(ignored)
  }

  private connected(): Promise<Session> {
    if (this.session === undefined) {
      const session = this.connect()
      this.session = session
      session.catch(() => {
        if (this.session === session) this.session = undefined
      })
    }
    return this.session
  }

  private async connect(): Promise<Session> {
    const session = new Session(this.target, {
      onnotify: (channel, payload) => this.deliver(channel, payload),
      onLost: () => this.onLost(),
    })
    try {
      for (const channel of this.channels.keys()) await session.run(`listen ${quote(channel)}`)
    } catch (error) {
      await session.end()
      throw error
    }
    return session
  }

  private onLost(): void {
    this.session = undefined
    if (!this.closed && this.channels.size > 0) void this.recover()
  }

  private async recover(): Promise<void> {
    if (this.recovering) return
    this.recovering = true
    this.log.warn('records.listener_lost')
    let delayMs = RETRY_FIRST_MS
    while (!this.closed && this.channels.size > 0) {
      const session = await this.connected().catch(ignored)
      if (session !== undefined && !session.lost) {
        this.tellAllOfGap()
        break
      }
      await Bun.sleep(delayMs)
      delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)
    }
    this.recovering = false
  }

  private tellAllOfGap(): void {
    this.log.info('records.listener_back')
    for (const subscribers of this.channels.values()) for (const subscriber of subscribers) this.tell(subscriber, 'onGap')
  }

  private deliver(channel: string, payload: string): void {
    for (const subscriber of this.channels.get(channel) ?? []) this.tell(subscriber, 'onPayload', payload)
  }

  /** A subscriber's exception must not reach the protocol parser that called us. */
  private tell(subscriber: Subscriber, what: 'onGap' | 'onPayload', payload = ''): void {
    try {
      if (what === 'onGap') subscriber.onGap()
      else subscriber.onPayload(payload)
    } catch (error) {
      this.log.error('records.subscriber_failed', { cause: messageOf(error) })
    }
  }
}
