import type { App } from '../app.ts'
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

/** Opens the server, and the second one where a surface has a listener of its own. */
export async function openListeners(app: App, probes: Probes, { mountAlone, mountSurfaces, openServer }: Servers): Promise<Listeners> {
  const surfaces = mountSurfaces(app)
  const first = listening(app.config.listen, '--listen', () => openServer({ app, surfaces, probes }))
  app.webhooks.serveAt(first.url)
  const own = mountAlone(app)
  if (own === undefined) return { ...first, surfaces, alone: {} }
  try {
    const second = listening(own.listen, '--listen-langgraph', () => openServer({ app, probes, ...own }))
    const alone = Object.fromEntries(own.surfaces.map(({ name }) => [name, second.url]))
    return { ...both(first, second), surfaces, alone }
  } catch (error) {
    await first.close(0)
    throw error
  }
}

const both = (first: Server, second: Server): Server => ({
  url: first.url,
  drain() {
    first.drain()
    second.drain()
  },
  async refuse() {
    await Promise.all([first.refuse(), second.refuse()])
  },
  async close(graceMs) {
    await Promise.all([first.close(graceMs), second.close(graceMs)])
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
