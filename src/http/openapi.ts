import { toOpenAPISchema } from '@elysiajs/openapi'
import type { AnyElysia } from 'elysia'

export interface Api {
  title: string
  version: string
  plugin: AnyElysia
}

type Content = Record<string, unknown>
/** Where a route's `detail` names the headers it reads: what it says under `parameters` is lost beside a path or a query. */
export const HEADERS = 'x-headers'

type Operation = {
  parameters?: object[]
  [HEADERS]?: object[]
  requestBody?: { content?: Content }
  responses?: Record<string, { content?: Content }>
  security?: object[]
}

/** Catch-alls are not operations, and a WebSocket shares the path of the GET that describes it. */
const NO_OPERATIONS = ['ALL', 'WS', 'OPTIONS', 'HEAD']

/** What a surface's own handlers say about themselves, as an OpenAPI 3.1 document. */
export function openapiDocument({ title, version, plugin }: Api): Record<string, unknown> {
  const { paths, components } = toOpenAPISchema(alone(plugin), { methods: NO_OPERATIONS, staticFile: false })
  for (const path of Object.values(paths) as Record<string, Operation>[]) {
    for (const operation of Object.values(path)) {
      keepJson(operation)
      nameHeaders(operation)
    }
  }
  return {
    openapi: '3.1.0',
    info: { title, version },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      schemas: withoutIds(components.schemas),
      securitySchemes: schemesOf(Object.values(paths) as Record<string, Operation>[]),
    },
  }
}

const KEY = 'An API key, as `tetraport key create` prints it.'
const BEARER = { bearer: { type: 'http', scheme: 'bearer', description: KEY } }
const API_KEY = { apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: KEY } }

/** The header of its own is named where an operation says that it may be used. */
function schemesOf(paths: readonly Record<string, Operation>[]): Record<string, object> {
  const secured = paths.flatMap((path) => Object.values(path).flatMap(({ security = [] }) => security))
  return secured.some((scheme) => Object.hasOwn(scheme, 'apiKey')) ? { ...BEARER, ...API_KEY } : BEARER
}

/** Elysia writes each schema's own place into it as `$id`, which may hold no fragment. */
const withoutIds = (schemas: Record<string, object> = {}): Record<string, object> =>
  Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, { ...schema, $id: undefined }]))

/** A mounted plugin answers for the whole server when asked for its routes; here only its own count. */
function alone(plugin: AnyElysia): AnyElysia {
  return Object.assign(Object.create(plugin) as AnyElysia, { getGlobalRoutes: () => plugin.routes })
}

function nameHeaders(operation: Operation): void {
  const { [HEADERS]: headers, parameters = [] } = operation
  if (headers) operation.parameters = [...parameters, ...headers]
  delete operation[HEADERS]
}

/** The generator offers every body as a form too, and calls bare values text; these handlers read and write JSON. */
function keepJson({ requestBody, responses = {} }: Operation): void {
  for (const { content } of Object.values(responses)) {
    if (content?.['text/plain'] === undefined) continue
    content['application/json'] ??= content['text/plain']
    delete content['text/plain']
  }
  const content = requestBody?.content
  if (content?.['application/json'] === undefined) return
  delete content['application/x-www-form-urlencoded']
  delete content['multipart/form-data']
}
