import type { Chance } from './chance.ts'
import type { Store } from './postgres.ts'
import { descendantsOf, send } from './processes.ts'
import { type ServerProcess, startServer } from './server-process.ts'

/** What is killed, and in which order; `postgres-only` leaves the server to start its database again. */
export type Manner = 'server-first' | 'postgres-first' | 'server-only' | 'postgres-only'

const EMBEDDED_MANNERS: readonly Manner[] = [
  'server-first',
  'postgres-first',
  'server-only',
  'server-first',
  'postgres-first',
  'postgres-only',
]

export interface Killing {
  manner: Manner
  /** Milliseconds since the epoch. */
  at: number
  /** When a server listened again. */
  readyAt: number
  /** From spawn to its address; null where the server was left alive. */
  startMs: number | null
}

/** How often each was the manner. */
export function countManners(killings: readonly { manner: string }[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { manner } of killings) counts[manner] = (counts[manner] ?? 0) + 1
  return counts
}

/** Keeps one server running, except while it does not. */
export class Keeper {
  readonly killings: Killing[] = []
  private server: ServerProcess | undefined
  private waiting: ((url: string) => void)[] = []

  constructor(
    private readonly store: Store,
    private readonly env: Record<string, string>,
    private readonly chance: Chance,
  ) {}

  /** Resolves with the address of a server, now or once there is one. */
  url(): Promise<string> {
    if (this.server) return Promise.resolve(this.server.url)
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  async start(): Promise<ServerProcess> {
    const server = await startServer({ ...this.store.env, ...this.env }, `${this.store.dir}/server.log`)
    this.server = server
    for (const tell of this.waiting.splice(0)) tell(server.url)
    return server
  }

  /** SIGKILL, and after a moment the next server. */
  async kill(): Promise<void> {
    const { server } = this
    if (!server) throw new Error('no server to kill')
    const manner = this.manner()
    const at = Date.now()
    if (manner === 'postgres-only') {
      killAll(descendantsOf(server.pid))
      this.killings.push({ manner, at, readyAt: Date.now(), startMs: null })
      return
    }
    this.server = undefined
    // Listed before: whoever loses its parent is not found below it any more.
    const children = this.store.kind === 'embedded' ? descendantsOf(server.pid) : []
    if (manner === 'postgres-first') killAll(children)
    server.signal('SIGKILL')
    if (manner === 'server-first') killAll(children)
    await server.exited
    if (this.chance.is(0.5)) await Bun.sleep(this.chance.between(0, 400))
    const { startMs } = await this.start()
    this.killings.push({ manner, at, readyAt: Date.now(), startMs })
  }

  private manner(): Manner {
    if (this.store.kind === 'external') return 'server-only'
    return EMBEDDED_MANNERS[this.killings.length % EMBEDDED_MANNERS.length] ?? 'server-first'
  }

  /** Asks the server to stop; answers its exit code. */
  async stop(): Promise<number | undefined> {
    const { server } = this
    this.server = undefined
    server?.signal('SIGTERM')
    return server?.exited
  }
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) send(pid, 'SIGKILL')
}
