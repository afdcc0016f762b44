import { type App, appUrlOf } from '../app.ts'
import type { Probes } from '../http/health.ts'
import type { Server, Surface } from '../server.ts'
import { CliError, EXIT } from './cli-error.ts'

type Servers = Pick<typeof import('../server.ts'), 'mountAlone' | 'mountSurfaces' | 'openServer'>

/** Everything that listens; opened and closed together. */
export interface Listeners extends Server {
  surfaces: readonly Surface[]
  /** Base URLs of the listeners beside the first, by surface. */
  alone: Readonly<Record<string, string>>
}

/** Opens the server, and one more for each surface that has a listener of its own. */
export async function openListeners(app: App, probes: Probes, { mountAlone, mountSurfaces, openServer }: Servers): Promise<Listeners> {
  const surfaces = mountSurfaces(app)
  const first = listening(app.config.listen, '--listen', () => openServer({ app, surfaces, probes }))
  app.webhooks.serveAt(first.url)
  // A port that the system chose is known only now.
  app.identity.appUrl = appUrlOf({ ...app.config, listen: { ...app.config.listen, port: Number(new URL(first.url).port || 80) } })
  const servers = [first]
  const alone: Record<string, string> = {}
  try {
    for (const own of mountAlone(app)) {
      const server = listening(own.listen, own.flag, () => openServer({ app, probes, ...own }))
      servers.push(server)
      for (const { name } of own.surfaces) alone[name] = server.url
    }
    return { ...together(servers), url: first.url, surfaces, alone }
  } catch (error) {
    await Promise.all(servers.map((server) => server.close(0)))
    throw error
  }
}

const together = (servers: readonly Server[]): Omit<Server, 'url'> => ({
  drain() {
    for (const server of servers) server.drain()
  },
  async refuse() {
    await Promise.all(servers.map((server) => server.refuse()))
  },
  async close(graceMs) {
    await Promise.all(servers.map((server) => server.close(graceMs)))
  },
})

function listening({ host, port }: { host: string; port: number }, flag: string, open: () => Server): Server {
  try {
    return open()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') throw cause
    throw new CliError({
      what: `Cannot listen on ${host}:${port}.`,
      why: WHY_NOT[code],
      next: `Choose another address with ${flag}; port 0 takes a free one.`,
      exitCode: EXIT.failed,
      cause,
    })
  }
}

const WHY_NOT = {
  EADDRINUSE: 'Another program listens there, perhaps another tetraport.',
  EACCES: 'This user may not open that port.',
  EADDRNOTAVAIL: 'This machine has no such address.',
}
