import type { JsonObject } from '../../src/core/json.ts'
import type { Served } from './served.ts'

/** What the platform's surface said. */
export interface Said {
  status: number
  /** Empty where no JSON came. */
  body: JsonObject
  text: string
  headers: Headers
}

export const AGENTS = {
  desktop: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  phone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
}

let addresses = 0
/** Of nobody else: what is counted for an address must not be counted for two tests. */
const newAddress = (): string => {
  addresses++
  return `203.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`
}

/** For servers whose clients say where they call from. */
export const BEHIND_PROXY = { http: { trustedProxies: ['127.0.0.1/32', '::1/128'] } }

/** Somebody's browser, with an address of its own and the tokens it was given last. */
export class Device {
  access: string | null = null
  refresh: string | null = null
  readonly ip: string

  constructor(
    private readonly served: Served,
    private readonly agent: string = AGENTS.desktop,
    ip?: string,
  ) {
    this.ip = ip ?? newAddress()
  }

  /** To any surface, with the access token unless `headers` say otherwise. */
  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Said> {
    const own = { 'user-agent': this.agent, 'x-forwarded-for': this.ip }
    const key = headers.authorization === undefined ? this.access : null
    const response = await this.served.send(method, path, body, { key, headers: { ...own, ...headers } })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true && text !== ''
    const parsed: unknown = isJson ? JSON.parse(text) : null
    return {
      status: response.status,
      body: parsed !== null && typeof parsed === 'object' ? (parsed as JsonObject) : {},
      text,
      headers: response.headers,
    }
  }

  /** A path below /api/v1/auth. */
  auth(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Said> {
    return this.send(method, `/api/v1/auth${path}`, body, headers)
  }

  /** Keeps the tokens of an answer that has some. */
  keep(said: Said): Said {
    if (typeof said.body.access_token === 'string') this.access = said.body.access_token
    if (typeof said.body.refresh_token === 'string') this.refresh = said.body.refresh_token
    return said
  }

  async signIn(email: string, password: string): Promise<Said> {
    this.access = null
    return this.keep(await this.auth('POST', '/token', { email, password }))
  }

  async register(body: Record<string, unknown>): Promise<Said> {
    this.access = null
    return this.keep(await this.auth('POST', '/register', { accept_terms: true, ...body }))
  }
}
