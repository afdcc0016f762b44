import type { App } from '../../app.ts'
import { openapiDocument } from '../../http/openapi.ts'
import { rootRoutes } from './root.ts'

type Document = Record<string, unknown> & { components: object; paths: object }

const SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An access token (EdDSA), or an API key.' },
  apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'The same, for clients that cannot set the other header.' },
}

/** The surface's document with what it has outside of its prefix. */
export function withRoot(document: Record<string, unknown>, app: Pick<App, 'log' | 'clock' | 'version'>): Record<string, unknown> {
  const { components, paths } = document as Document
  const index = { name: '', version: '', docs: '', health: '', ready: '', api: '', chat: '', agents: '', surfaces: [] }
  const readiness = () => Promise.resolve({ ready: true, checks: {} })
  const plugin = rootRoutes({ app, startedAt: 0, readiness, index })
  const root = openapiDocument({ title: '', version: '', plugin }) as Document
  return { ...document, paths: { ...root.paths, ...paths }, components: { ...components, securitySchemes: SCHEMES } }
}
