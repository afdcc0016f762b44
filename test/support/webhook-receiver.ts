import { createHmac } from 'node:crypto'
import { eventually } from './eventually.ts'

export interface Received {
  path: string
  headers: Headers
  body: string
}

/** Keeps what it was sent, and answers with the statuses it was given, then with 200. */
export interface WebhookReceiver {
  url: string
  received: Received[]
  statuses: number[]
  /** Until then it answers nobody. */
  hold(): () => void
  /** As many as that have come. */
  until(count: number): Promise<Received[]>
  close(): Promise<void>
}

export function openReceiver(tls?: { key: string; cert: string }): WebhookReceiver {
  const received: Received[] = []
  const statuses: number[] = []
  let gate: Promise<void> | undefined
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    ...(tls ? { tls } : {}),
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      received.push({ path: pathname + search, headers: request.headers, body: await request.text() })
      await gate
      const status = statuses.shift() ?? 200
      return new Response('thanks', { status, headers: status === 302 ? { location: '/elsewhere' } : {} })
    },
  })
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${server.port}`,
    received,
    statuses,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return () => {
        gate = undefined
        resolve()
      }
    },
    until: (count) => eventually(() => (received.length >= count ? received : undefined)),
    close: () => server.stop(true),
  }
}

/** Whether a receiver who knows `secret` would believe it: written after the text of Standard Webhooks, not after ours. */
export function isSigned({ headers, body }: Received, secret: string): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const content = [headers.get('webhook-id'), headers.get('webhook-timestamp'), body].join('.')
  const expected = createHmac('sha256', key).update(content).digest('base64')
  return key.length >= 24 && (headers.get('webhook-signature') ?? '').split(' ').includes(`v1,${expected}`)
}
