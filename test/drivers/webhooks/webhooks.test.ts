import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { join } from 'node:path'
import { readConfig } from '../../../src/config.ts'
import { Fault } from '../../../src/core/fault.ts'
import type { Outcome } from '../../../src/drivers/webhooks/port.ts'
import { openWebhooks, type WebhookParts } from '../../../src/drivers/webhooks/webhooks.ts'
import { ROOT } from '../../support/source-tree.ts'
import { openReceiver, type WebhookReceiver } from '../../support/webhook-receiver.ts'
import { CERTIFICATE, CERTIFICATE_KEY, CERTIFIED_NAME } from './certificate.ts'

let receiver: WebhookReceiver
let port: string
beforeAll(() => {
  receiver = openReceiver()
  port = new URL(receiver.url).port
})
beforeEach(() => {
  receiver.received.length = 0
})
afterAll(() => receiver.close())

const { webhooks: CONFIG } = readConfig({}).config
const PRIVATE = { ...CONFIG, allowPrivate: true }

/** Names stand for what the test says. */
const open = (config: Partial<typeof CONFIG> = {}, parts: Partial<WebhookParts> = {}) =>
  openWebhooks({ ...CONFIG, ...config }, { publicUrl: null, ...parts })
const names = (...addresses: string[]) => ({ resolve: async () => addresses })

const send = (webhooks: ReturnType<typeof open>, url: string, signal = new AbortController().signal): Promise<Outcome> =>
  webhooks.deliver({ url, body: '{"a":"ü"}', headers: { 'content-type': 'application/json', 'x-own': '1' }, signal })

const NOT_PUBLIC: Outcome = { state: 'failed', why: expect.stringContaining('not one of the internet') }

test('a message arrives whole, with its headers and the query of its URL', async () => {
  expect(await send(open(PRIVATE), `${receiver.url}/hook?token=x`)).toEqual({ state: 'taken' })
  const [got] = receiver.received
  expect([got?.path, got?.body, got?.headers.get('x-own'), got?.headers.get('content-type')]).toEqual([
    '/hook?token=x',
    '{"a":"ü"}',
    '1',
    'application/json',
  ])
})

test('any 2xx is taken, 410 is unwanted, everything else has failed', async () => {
  receiver.statuses.push(204, 410, 404, 500)
  const outcomes: Outcome[] = []
  for (let n = 0; n < 4; n++) outcomes.push(await send(open(PRIVATE), receiver.url))
  expect(outcomes.map(({ state }) => state)).toEqual(['taken', 'unwanted', 'failed', 'failed'])
  expect(outcomes[3]).toEqual({ state: 'failed', why: 'answered with status 500' })
})

test('a redirect is not followed', async () => {
  receiver.statuses.push(302)
  expect(await send(open(PRIVATE), receiver.url)).toEqual({ state: 'failed', why: 'answered with status 302' })
  expect(receiver.received).toHaveLength(1)
})

for (const url of [
  'http://127.0.0.1',
  'http://2130706433',
  'http://0x7f.1',
  'http://[::1]',
  'http://[::ffff:127.0.0.1]',
  'http://localhost',
])
  test(`nothing is sent to ${url} unless private addresses are allowed`, async () => {
    expect(await send(open(), `${url}:${port}/`)).toEqual(NOT_PUBLIC)
    expect(receiver.received).toEqual([])
  })

test('a name that stands for a private address is not called, also where a public one stands beside it', async () => {
  expect(await send(open({}, names('127.0.0.1')), `http://hook.test:${port}/`)).toEqual(NOT_PUBLIC)
  expect(await send(open({}, names('93.184.216.34', '127.0.0.1')), `http://hook.test:${port}/`)).toEqual(NOT_PUBLIC)
  expect(receiver.received).toEqual([])
})

test('the connection goes to the address that was looked at: the name is not looked up again', async () => {
  let asked = 0
  const resolve = async () => (asked++ === 0 ? ['127.0.0.1'] : ['192.0.2.1'])
  expect(await send(open(PRIVATE, { resolve }), `http://hook.test:${port}/`)).toEqual({ state: 'taken' })
  expect([asked, receiver.received[0]?.headers.get('host')]).toEqual([1, `hook.test:${port}`])
})

test('the certificate must be that of the name, though the connection goes to an address', async () => {
  const secure = openReceiver({ key: CERTIFICATE_KEY, cert: CERTIFICATE })
  const at = new URL(secure.url).port
  const parts = { ...names('127.0.0.1'), ca: CERTIFICATE }
  expect(await send(open(PRIVATE, parts), `https://${CERTIFIED_NAME}:${at}/`)).toEqual({ state: 'taken' })
  expect(await send(open(PRIVATE, parts), `https://other.test:${at}/`)).toMatchObject({ state: 'failed' })
  expect(await send(open(PRIVATE, names('127.0.0.1')), `https://${CERTIFIED_NAME}:${at}/`)).toMatchObject({ state: 'failed' })
  expect(secure.received).toHaveLength(1)
  await secure.close()
})

test('the proxy of the environment is not asked: it would choose the address', async () => {
  const script = `
    const { openWebhooks } = await import(${JSON.stringify(join(ROOT, 'src/drivers/webhooks/webhooks.ts'))})
    const webhooks = openWebhooks(${JSON.stringify(PRIVATE)}, { publicUrl: null })
    console.log((await webhooks.deliver({ url: '${receiver.url}', body: '{}', headers: {}, signal: new AbortController().signal })).state)`
  const child = Bun.spawn([process.execPath, '-e', script], {
    env: { ...process.env, HTTP_PROXY: 'http://127.0.0.1:9', http_proxy: 'http://127.0.0.1:9' },
  })
  expect((await new Response(child.stdout).text()).trim()).toBe('taken')
})

test('a receiver that says nothing is waited for no longer than the time that is configured', async () => {
  const release = receiver.hold()
  expect(await send(open({ ...PRIVATE, timeoutMs: 100 }), receiver.url)).toEqual({ state: 'failed', why: 'no answer in 100 ms' })
  release()
})

test('a name server that says nothing is waited for no longer either', async () => {
  const never = { resolve: () => new Promise<string[]>(() => undefined) }
  expect(await send(open({ timeoutMs: 50 }, never), 'http://hook.test/')).toEqual({ state: 'failed', why: 'no answer in 50 ms' })
})

test('an answer without end is not read', async () => {
  const endless = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket) {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n${'x'.repeat(100_000)}`)
      },
    },
  })
  expect(await send(open(PRIVATE), `http://127.0.0.1:${endless.port}/`)).toEqual({ state: 'taken' })
  endless.stop(true)
})

test('headers without end, and an answer that is no HTTP, end with the time or before', async () => {
  for (const answer of [`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(50_000)}`, 'SSH-2.0-OpenSSH_9.6\r\n']) {
    const strange = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: (socket) => void socket.write(answer) } })
    const outcome = await send(open({ ...PRIVATE, timeoutMs: 300 }), `http://127.0.0.1:${strange.port}/`)
    expect(outcome.state).toBe('failed')
    strange.stop(true)
  }
})

test('a receiver that is not there has failed, in words without its URL', async () => {
  const gone = openReceiver()
  await gone.close()
  const outcome = await send(open(PRIVATE), `${gone.url}/secret`)
  expect(outcome).toEqual({ state: 'failed', why: 'ECONNREFUSED' })
})

test('a delivery can be broken off, also before it begins', async () => {
  const release = receiver.hold()
  const stop = new AbortController()
  const sent = send(open(PRIVATE), receiver.url, stop.signal)
  await receiver.until(1)
  stop.abort()
  expect(await sent).toEqual({ state: 'failed', why: 'it was broken off' })
  expect(await send(open(PRIVATE), receiver.url, AbortSignal.abort())).toEqual({ state: 'failed', why: 'it was broken off' })
  release()
})

test('a path is delivered to this server, although its address is private', async () => {
  const webhooks = open({}, { publicUrl: 'http://192.0.2.1' })
  webhooks.serveAt(`http://0.0.0.0:${port}`)
  expect(await send(webhooks, '/own?x=1')).toEqual({ state: 'taken' })
  expect(receiver.received[0]?.path).toBe('/own?x=1')
  expect(await send(open(), '/own')).toMatchObject({ state: 'failed', why: expect.stringContaining('does not know its own address') })
})

test('what only looks like a path of this server is none', async () => {
  const webhooks = open()
  webhooks.serveAt(receiver.url)
  for (const url of [`//127.0.0.1:${port}/x`, `/\t/127.0.0.1:${port}/x`, `/\\127.0.0.1:${port}/x`]) {
    expect(() => webhooks.require(url)).toThrow(Fault)
    expect(await send(webhooks, url)).toMatchObject({ state: 'failed' })
  }
  expect(receiver.received).toEqual([])
})

test('URLs that will never be called are refused when a run names them', () => {
  const webhooks = open()
  for (const url of ['ftp://example.com/', 'file:///etc/passwd', 'nonsense', '', 'http://10.0.0.1/', 'https://user:pass@example.com/'])
    expect([url, refusalOf(() => webhooks.require(url))]).toEqual([url, { code: 'invalid', param: 'webhook' }])
  for (const url of ['https://example.com/hook?x=1', 'http://8.8.8.8:8080', '/own/path']) webhooks.require(url)
  open(PRIVATE).require('http://10.0.0.1/')
})

test('a server that sends no webhooks refuses them all, and sends none that wait', async () => {
  const webhooks = open({ ...PRIVATE, enabled: false })
  expect(refusalOf(() => webhooks.require('https://example.com/'))).toEqual({ code: 'invalid', param: 'webhook' })
  expect(await send(webhooks, receiver.url)).toMatchObject({ state: 'failed' })
  expect(receiver.received).toEqual([])
})

function refusalOf(work: () => void): unknown {
  try {
    work()
  } catch (error) {
    return error instanceof Fault ? { code: error.code, param: error.facts.param } : error
  }
}
