import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a server that can break. */
export interface Relay {
  url: string
  /** Breaks every connection that is open now. */
  cut(): void
  /** New connections go to another server. */
  turn(target: string): void
  close(): void
}

export async function openRelay(target: string): Promise<Relay> {
  const { pathname } = new URL(target)
  let way = new URL(target)
  const sockets = new Set<Socket>()
  const server = createServer((incoming) => {
    const upstream = connect(Number(way.port), way.hostname)
    for (const [from, to] of [
      [incoming, upstream],
      [upstream, incoming],
    ] as const) {
      sockets.add(from)
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname === '/' ? '' : pathname}`,
    cut,
    turn(other) {
      way = new URL(other)
    },
    close() {
      server.close()
      cut()
    },
  }
}
