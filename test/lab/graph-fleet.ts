import type { Chance } from './chance.ts'
import type { Manner } from './killer.ts'
import type { Store } from './postgres.ts'
import { descendantsOf, send } from './processes.ts'
import { type ServerProcess, startServer } from './server-process.ts'

const EMBEDDED_MANNERS: readonly Manner[] = [
  'server-first',
  'postgres-first',
  'server-only',
  'server-first',
  'postgres-first',
  'postgres-only',
]

export interface FleetKilling {
  manner: Manner | 'both'
  /** Milliseconds since the epoch. */
  at: number
  /** From spawn to its address; null where the server was left alive. */
  startMs: number | null
}

/** Keeps one or two servers on one database running, except while they do not. */
export class Fleet {
  readonly killings: FleetKilling[] = []
  private readonly servers: (ServerProcess | undefined)[]
  private waiting: ((url: string) => void)[] = []

  constructor(
    private readonly store: Store,
    private readonly env: Record<string, string>,
    { replicas, chance }: { replicas: number; chance: Chance },
  ) {
    this.servers = Array.from({ length: replicas }, () => undefined)
    this.chance = chance
    this.choice = chance.fork()
  }
  private readonly chance: Chance
  private readonly choice: Chance

  /** Resolves with the address of some server, now or once there is one. */
  url(): Promise<string> {
    const up = this.servers.flatMap((server) => server ?? [])
    const one = up[this.choice.between(0, up.length - 1)]
    if (one) return Promise.resolve(one.url)
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  async startAll(): Promise<void> {
    await Promise.all(this.servers.keys().map((place) => this.start(place)))
  }

  private async start(place: number): Promise<ServerProcess> {
    const server = await startServer({ ...this.store.env, ...this.env }, `${this.store.dir}/server-${place}.log`)
    this.servers[place] = server
    for (const tell of this.waiting.splice(0)) tell(server.url)
    return server
  }

  /** SIGKILL of one server, of its Postgres, or at times of all servers at once; and after a moment the next ones. */
  async kill(): Promise<void> {
    if (this.servers.length > 1 && this.chance.is(0.2)) {
      await Promise.all(this.servers.keys().map((place) => this.killOne(place, 'both')))
      return
    }
    await this.killOne(this.chance.between(0, this.servers.length - 1), this.manner())
  }

  private async killOne(place: number, manner: FleetKilling['manner']): Promise<void> {
    const server = this.servers[place]
    if (!server) throw new Error('no server to kill')
    const at = Date.now()
    if (manner === 'postgres-only') {
      killAll(descendantsOf(server.pid))
      this.killings.push({ manner, at, startMs: null })
      return
    }
    this.servers[place] = undefined
    // Listed before: whoever loses its parent is not found below it any more.
    const children = this.store.kind === 'embedded' ? descendantsOf(server.pid) : []
    if (manner === 'postgres-first') killAll(children)
    server.signal('SIGKILL')
    if (manner === 'server-first') killAll(children)
    await server.exited
    if (this.chance.is(0.5)) await Bun.sleep(this.chance.between(0, 400))
    const { startMs } = await this.start(place)
    this.killings.push({ manner, at, startMs })
  }

  private manner(): Manner {
    if (this.store.kind === 'external') return 'server-only'
    return EMBEDDED_MANNERS[this.killings.length % EMBEDDED_MANNERS.length] ?? 'server-first'
  }

  /** Asks the servers to stop; answers their exit codes. */
  async stop(): Promise<number[]> {
    const up = this.servers.flatMap((server) => server ?? [])
    this.servers.fill(undefined)
    for (const server of up) server.signal('SIGTERM')
    return Promise.all(up.map((server) => server.exited))
  }
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) send(pid, 'SIGKILL')
}
