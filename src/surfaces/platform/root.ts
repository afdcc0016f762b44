import type { Static } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { openStoreState, type Readiness } from '../../http/health.ts'
import { anybody } from './caller.ts'
import { envelope, onError } from './errors.ts'
import { type HEALTH, Health, Index, KeySet, Ready, toPlainIso } from './root.wire.ts'
import { answers } from './route.ts'

/** What the routes outside of the prefix tell of. */
export interface RootParts {
  app: Pick<App, 'log' | 'clock' | 'version'> & Partial<Pick<App, 'files' | 'tokens'>>
  startedAt: number
  readiness: () => Promise<Readiness>
  index: Omit<Static<typeof Index>, 'service' | 'description'>
}

type HealthFacts = { [K in keyof typeof HEALTH]: Static<(typeof HEALTH)[K]> }

export const ROOT_PATHS = ['/', '/health', '/health/ready', '/health/storage', '/.well-known/jwks.json'] as const

/** Health, the index of the server and the public keys of its tokens, which stand beside the surfaces. */
export function rootRoutes({ app, startedAt, readiness, index }: RootParts) {
  const { files, clock } = app
  const storage = openStoreState(clock, files && (() => files.check()))
  const told = (status: string): HealthFacts => ({
    ...{ status, timestamp: toPlainIso(clock.now()), version: app.version },
    uptime: Math.round((clock.now() - startedAt) / 10) / 100,
  })
  return new Elysia()
    .onError(onError(app.log))
    .use(anybody(app))
    .get('/health', () => told('healthy'), live)
    .get(
      '/health/ready',
      async () => {
        const { ready, checks } = await readiness()
        return ready ? { ...told('ready'), checks } : notReady(checks)
      },
      isReady,
    )
    .get('/health/storage', async () => told(await storage()), stored)
    .get('/', () => ({ ...index, service: index.name, description: DESCRIPTION }), descriptor)
    .get('/.well-known/jwks.json', ({ request }) => keySet(app, request.headers), keys)
}

const DESCRIPTION = 'An agent server that its owners run themselves.'

const inHealth = <R extends { detail: object }>(route: R, tags = ['health']): R => ({ ...route, detail: { ...route.detail, tags } })

const live = inHealth(answers({ may: 'health.live', id: 'health_check_health_get', summary: 'Whether the process answers' }, Health))
const isReady = inHealth(
  answers({ may: 'health.ready', id: 'readiness_check_health_ready_get', summary: 'Whether requests may be sent here' }, Ready),
)
const stored = inHealth(
  answers(
    {
      ...{ may: 'health.storage', id: 'storage_health_health_storage_get', summary: 'How the store of files is' },
      description: 'Always 200; `status` is healthy, degraded, unavailable or unconfigured.',
    },
    Health,
  ),
)
const descriptor = inHealth(answers({ may: 'root', id: 'root__get', summary: 'What stands where on this server' }, Index), ['default'])
const keys = inHealth(
  answers({ may: 'jwks', id: 'jwks_well_known_jwks_json_get', summary: 'Public keys of the tokens of this server' }, KeySet),
  ['default'],
)

/** What is not ready, in the body of an error and beside it. */
function notReady(checks: Record<string, string>): Response {
  const wrong = Object.entries(checks).filter(([, check]) => check !== 'ok')
  const detail = `Not ready: ${wrong.map(([name, check]) => `${name}: ${check}`).join('; ')}`
  const body = envelope({ status: 503, error: 'unavailable', detail, headers: {} })
  return Response.json({ ...body, status: 'unavailable', checks }, { status: 503 })
}

/** Long enough to spare this server, short enough that a new key is known before it signs. */
const KEYS_SECONDS = 300

async function keySet({ tokens }: RootParts['app'], asked: Headers): Promise<Response> {
  const { keys: found, changedAt } = tokens ? await tokens.publicKeys() : { keys: [], changedAt: 0 }
  const body = JSON.stringify({ keys: found })
  const headers = {
    'cache-control': `public, max-age=${KEYS_SECONDS}`,
    etag: `"${new Bun.CryptoHasher('sha256').update(body).digest('hex')}"`,
    'last-modified': new Date(changedAt).toUTCString(),
  }
  if (isKnown(asked.get('if-none-match'), headers.etag)) return new Response(null, { status: 304, headers })
  return new Response(body, { headers: { ...headers, 'content-type': 'application/json' } })
}

const isKnown = (ifNoneMatch: string | null, etag: string): boolean =>
  (ifNoneMatch ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
