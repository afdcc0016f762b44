import { lookup } from 'node:dns/promises'
import type { Config } from '../../config.ts'
import { Fault } from '../../core/fault.ts'
import { isPublic, literalOf } from './addresses.ts'
import type { Delivery, Outcome, Webhooks } from './port.ts'
import { post } from './request.ts'

export interface WebhookParts {
  /** Where this server is reached, until it says where it listens; null: not known. */
  publicUrl: string | null
  /** All addresses of a name; absent: as the machine looks names up. */
  resolve?: (name: string) => Promise<string[]>
  ca?: string
}

export const openWebhooks = (config: Config['webhooks'], parts: WebhookParts): Webhooks => new HttpWebhooks(config, parts)

/** Many networks have names with IPv6 addresses, and no way to them. */
const lookUp = async (name: string): Promise<string[]> =>
  (await lookup(name, { all: true })).sort((a, b) => a.family - b.family).map(({ address }) => address)

const NOT_PUBLIC = 'the address is not one of the internet (webhooks.allow_private)'
const GONE = 410

class HttpWebhooks implements Webhooks {
  readonly attemptsMax: number
  private readonly resolve: (name: string) => Promise<string[]>
  private self: string | null

  constructor(
    private readonly config: Config['webhooks'],
    private readonly parts: WebhookParts,
  ) {
    this.attemptsMax = config.attemptsMax
    this.resolve = parts.resolve ?? lookUp
    this.self = parts.publicUrl
  }

  serveAt(url: string): void {
    const own = new URL(url)
    // Listening everywhere is no place to connect to.
    if (own.hostname === '0.0.0.0') own.hostname = '127.0.0.1'
    if (own.hostname === '[::]') own.hostname = '[::1]'
    this.self = own.href
  }

  require(url: string): void {
    if (!this.config.enabled) throw refused('This server sends no webhooks (webhooks.enabled).')
    if (isOwn(url)) return
    const wrong = this.wrongWith(url)
    if (wrong) throw refused(`Invalid 'webhook': ${wrong}.`)
  }

  /** What no later look-up can change. */
  private wrongWith(text: string): string | undefined {
    const url = URL.parse(text)
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return 'a URL of http or https, or a path of this server, is expected'
    if (url.username || url.password) return 'credentials do not belong into the URL'
    const address = literalOf(url)
    return address !== undefined && !this.allows(address) ? NOT_PUBLIC : undefined
  }

  private allows(address: string): boolean {
    return this.config.allowPrivate || isPublic(address)
  }

  async deliver({ url: text, headers, body, signal: given }: Delivery): Promise<Outcome> {
    const signal = AbortSignal.any([given, AbortSignal.timeout(this.config.timeoutMs)])
    try {
      const target = await this.target(text, signal)
      if ('why' in target) return { state: 'failed', ...target }
      const { ca } = this.parts
      return ended(await post({ ...target, headers, body, signal, ...(ca === undefined ? {} : { ca }) }))
    } catch (cause) {
      return { state: 'failed', why: given.aborted ? 'it was broken off' : this.reasonOf(cause) }
    }
  }

  private async target(text: string, signal: AbortSignal): Promise<{ url: URL; address: string } | { why: string }> {
    if (!this.config.enabled) return { why: 'webhooks are switched off (webhooks.enabled)' }
    const own = isOwn(text)
    if (own && this.self === null) return { why: 'this server does not know its own address (http.public_url)' }
    const wrong = own ? undefined : this.wrongWith(text)
    if (wrong) return { why: wrong }
    const url = own ? new URL(text, this.self as string) : new URL(text)
    const literal = literalOf(url)
    const addresses = literal === undefined ? await orAborted(this.resolve(url.hostname), signal) : [literal]
    const [address] = addresses
    if (address === undefined) return { why: 'the name has no address' }
    // Of a name with several addresses one private one is enough: the next look-up may bring that first.
    return own || addresses.every((one) => this.allows(one)) ? { url, address } : { why: NOT_PUBLIC }
  }

  /** Without the URL: its path and query may be secrets. */
  private reasonOf(cause: unknown): string {
    if (cause instanceof DOMException && cause.name === 'TimeoutError') return `no answer in ${this.config.timeoutMs} ms`
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    return typeof code === 'string' ? code : 'the connection failed'
  }
}

/** Asked of the parser: `//host` is another server, and so is the same with a tab in it. */
const isOwn = (url: string): boolean => url.startsWith('/') && URL.parse(url, 'http://own.invalid')?.host === 'own.invalid'

const refused = (message: string): Fault => new Fault('invalid', message, { param: 'webhook', reason: 'value' })

function ended(status: number): Outcome {
  if (status >= 200 && status < 300) return { state: 'taken' }
  return { state: status === GONE ? 'unwanted' : 'failed', why: `answered with status ${status}` }
}

/** What cannot be broken off is left alone. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', abort))
}
