import postgres from 'postgres'
import { ignored } from './errors.ts'
import { valueTypes } from './values.ts'

export interface SocketTarget {
  socketPath: string
  user: string
  database: string
  password?: string
}

/** Where a Postgres is: a URL, or the socket file of one on this machine. */
export type Target = { url: string } | SocketTarget

export type Client = ReturnType<typeof openPostgres>

export interface ClientSettings {
  /** Server settings of the connection, sent as it opens. */
  settings: Record<string, string>
  onclose: () => void
  onnotify: (channel: string, payload: string) => void
}

const CONNECT_TIMEOUT_S = 10

export function openPostgres(target: Target, settings: ClientSettings) {
  const options = {
    max: 1,
    max_lifetime: null,
    idle_timeout: 0,
    connect_timeout: CONNECT_TIMEOUT_S,
    prepare: true,
    types: valueTypes,
    no_subscribe: true,
    onnotice: ignored,
    onclose: settings.onclose,
    onnotify: settings.onnotify,
    connection: { application_name: 'tetraport', TimeZone: 'UTC', DateStyle: 'ISO', ...settings.settings },
  }
  const socket = 'url' in target ? socketOf(target.url) : target
  if (socket === undefined) return postgres((target as { url: string }).url, options)
  const { socketPath, user, database, password = '' } = socket
  return postgres({ ...options, path: socketPath, host: 'localhost', user, database, pass: password, ssl: false })
}

/** `postgres://user@localhost/name?host=/folder` is how libpq spells a socket; postgres.js does not know it. */
function socketOf(url: string): SocketTarget | undefined {
  const parsed = URL.parse(url)
  const folder = parsed?.searchParams.get('host')
  if (!parsed || !folder?.startsWith('/')) return undefined
  const port = parsed.searchParams.get('port') ?? (parsed.port || '5432')
  const [user, password, database] = [parsed.username, parsed.password, parsed.pathname.slice(1)].map(decodeURIComponent)
  return {
    socketPath: `${folder}/.s.PGSQL.${port}`,
    user: user || 'postgres',
    database: database || user || 'postgres',
    password: password ?? '',
  }
}

/** For messages: never holds the password. */
export function nameTarget(target: Target): string {
  if (!('url' in target)) return target.socketPath
  try {
    const { host, pathname } = new URL(target.url)
    return `${host}${pathname}`
  } catch {
    return 'the configured database URL'
  }
}
