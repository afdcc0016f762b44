import { existsSync, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A page of a headless Chromium, driven by the protocol of its developer tools. */
export interface Page {
  /** The value of an expression, of a promise too. What it throws is thrown. */
  evaluate<T>(expression: string): Promise<T>
  /** As by the button of the browser: the session's storage stays. */
  reload(): Promise<void>
  /** What the page wrote to its console, and what it did not catch. */
  console: readonly string[]
  close(): Promise<void>
}

export interface Browser {
  open(url: string): Promise<Page>
  close(): Promise<void>
}

const NAMES = ['chromium', 'chromium-headless-shell', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const START_MS = 60_000
const CALL_MS = 30_000
/** In containers neither its sandbox nor a large /dev/shm can be had; pages of the tests are ours. */
const FLAGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-extensions']

function findProgram(): string | undefined {
  const unpacked = join(process.env.TEST_CHROMIUM ?? '', 'chromium')
  if (process.env.TEST_CHROMIUM && existsSync(unpacked)) return unpacked
  return NAMES.map((name) => Bun.which(name)).find((path) => path !== null) ?? undefined
}

/**
 * True where a Chromium is there; else the tests of `what` are skipped, and the run says why. With
 * TETRAPORT_REQUIRE_CHROMIUM=1 they are not skipped, and fail.
 */
export function hasBrowser(what: string): boolean {
  if (findProgram() !== undefined || process.env.TETRAPORT_REQUIRE_CHROMIUM === '1') return true
  console.log(`skipped: ${what} needs Chromium: install it, or unpack it with ".ci/chromium FOLDER" and set TEST_CHROMIUM=FOLDER`)
  return false
}

export async function openBrowser(): Promise<Browser> {
  const program = findProgram()
  if (!program) throw new Error('There is no Chromium here.')
  const profile = mkdtempSync(join(tmpdir(), 'tetraport-chromium-'))
  const child = Bun.spawn([program, ...FLAGS, `--user-data-dir=${profile}`, '--remote-debugging-port=0', 'about:blank'], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  try {
    const protocol = await Protocol.connect(await addressOf(child.stderr))
    return {
      open: (url) => openPage(protocol, url),
      async close() {
        protocol.close()
        child.kill()
        await child.exited
        await rm(profile, { recursive: true, force: true })
      },
    }
  } catch (error) {
    child.kill()
    await child.exited
    await rm(profile, { recursive: true, force: true })
    throw error
  }
}

/** What it says of itself when it listens. The rest of what it says is read too, so that it never waits for a reader. */
function addressOf(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const timer = setTimeout(() => reject(new Error(`Chromium did not start within ${START_MS} ms: ${said}`)), START_MS)
  let said = ''
  const read = async () => {
    const decoder = new TextDecoder()
    for await (const bytes of stderr) {
      if (said.length < 100_000) said += decoder.decode(bytes, { stream: true })
      const address = /DevTools listening on (ws:\S+)/.exec(said)?.[1]
      if (address) resolve(address)
    }
    reject(new Error(`Chromium ended: ${said}`))
  }
  read().catch(reject)
  return promise.finally(() => clearTimeout(timer))
}

interface Message {
  id?: number
  sessionId?: string
  method?: string
  params?: Record<string, unknown>
  result?: unknown
  error?: { message: string }
}

interface Call {
  resolve(result: unknown): void
  reject(error: Error): void
}

type Listener = (method: string, params: Record<string, unknown>) => void

/** Calls and events of all pages, over one socket. */
class Protocol {
  private readonly calls = new Map<number, Call>()
  private readonly listeners = new Map<string, Listener>()
  private last = 0

  private constructor(private readonly socket: WebSocket) {
    socket.onmessage = ({ data }) => this.take(JSON.parse(String(data)) as Message)
    socket.onclose = () => {
      for (const { reject } of this.calls.values()) reject(new Error('Chromium went away.'))
    }
  }

  static connect(address: string): Promise<Protocol> {
    const socket = new WebSocket(address)
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(new Protocol(socket))
      socket.onerror = () => reject(new Error(`Chromium does not answer at ${address}.`))
    })
  }

  listen(session: string, listener: Listener): void {
    this.listeners.set(session, listener)
  }

  call<T>(method: string, params: object, sessionId?: string): Promise<T> {
    const id = ++this.last
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const timer = setTimeout(() => reject(new Error(`${method} was not answered within ${CALL_MS} ms.`)), CALL_MS)
    this.calls.set(id, { resolve, reject })
    this.socket.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }))
    return promise.finally(() => {
      clearTimeout(timer)
      this.calls.delete(id)
    }) as Promise<T>
  }

  close(): void {
    this.socket.close()
  }

  private take({ id, sessionId = '', method, params = {}, result, error }: Message): void {
    const call = id === undefined ? undefined : this.calls.get(id)
    if (method) this.listeners.get(sessionId)?.(method, params)
    else if (error) call?.reject(new Error(error.message))
    else call?.resolve(result)
  }
}

interface Evaluated {
  result: { value: unknown }
  exceptionDetails?: { text: string; exception?: { description?: string } }
}

async function openPage(protocol: Protocol, url: string): Promise<Page> {
  const { targetId } = await protocol.call<{ targetId: string }>('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await protocol.call<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true })
  const call = <T>(method: string, params: object = {}) => protocol.call<T>(method, params, sessionId)
  const said: string[] = []
  let loaded = Promise.withResolvers<void>()
  protocol.listen(sessionId, (method, params) => {
    if (method === 'Page.loadEventFired') loaded.resolve()
    if (method === 'Runtime.exceptionThrown' || method === 'Runtime.consoleAPICalled') said.push(JSON.stringify(params))
  })
  const load = async (method: string, params: object = {}): Promise<void> => {
    loaded = Promise.withResolvers()
    await call(method, params)
    await loaded.promise
  }
  await Promise.all([call('Page.enable'), call('Runtime.enable')])
  await load('Page.navigate', { url })
  return {
    console: said,
    reload: () => load('Page.reload'),
    async evaluate<T>(expression: string) {
      const { result, exceptionDetails } = await call<Evaluated>('Runtime.evaluate', {
        expression,
        awaitPromise: true,
        returnByValue: true,
      })
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
      return result.value as T
    },
    async close() {
      await protocol.call('Target.closeTarget', { targetId })
    },
  }
}
