import type { AnyElysia } from 'elysia'
import { readConfig } from '../../src/config.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { openapiDocument } from '../../src/http/openapi.ts'
import { langgraph } from '../../src/surfaces/langgraph/langgraph.ts'
import { openai } from '../../src/surfaces/openai/openai.ts'

/** A schema of the document. It holds no references. */
export interface Schema {
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  maximum?: number
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  items?: Schema
}

export interface Operation {
  id: string
  method: string
  path: string
  /** Names of the parameters in the path. */
  params: string[]
  query: { name: string; schema: Schema }[]
  body: Schema | undefined
  /** Of a multipart form. */
  form: Schema | undefined
  streams: boolean
}

interface RawOperation {
  operationId: string
  parameters?: { in: string; name: string; schema: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, unknown> }>
}

export function readOperations(document: JsonObject): Operation[] {
  const paths = document.paths as unknown as Record<string, Record<string, RawOperation>>
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, raw]) => ({
      id: raw.operationId,
      method: method.toUpperCase(),
      path,
      params: (raw.parameters ?? []).filter((p) => p.in === 'path').map((p) => p.name),
      query: (raw.parameters ?? []).filter((p) => p.in === 'query').map(({ name, schema }) => ({ name, schema })),
      body: raw.requestBody?.content['application/json']?.schema,
      form: raw.requestBody?.content['multipart/form-data']?.schema,
      streams: raw.responses['200']?.content?.['text/event-stream'] !== undefined,
    })),
  )
}

const SURFACES = { openai, langgraph }

/** The operations as a surface's document lists them, known before any server runs, so that each can have a test of its own. */
export function documentedOperations(surface: keyof typeof SURFACES = 'openai'): Operation[] {
  const { config } = readConfig({})
  // Building the plugin registers its routes; nothing is opened or called.
  const plugin = Reflect.apply(SURFACES[surface], undefined, [{ config, limits: {}, clock: { now: () => 0 } }]) as AnyElysia
  const document = openapiDocument({ title: surface, version: 'test', plugin })
  return readOperations(document as JsonObject)
}

export const servedOperations = async (url: string, surface: string): Promise<Operation[]> =>
  readOperations((await (await fetch(`${url}/openapi/${surface}.json`)).json()) as JsonObject)

/** The names that the served document gives, to be compared with those that tests were made from. */
export const servedOperationIds = async (url: string): Promise<string[]> => (await servedOperations(url, 'openai')).map(({ id }) => id)

export interface Filling {
  params?: Record<string, string>
  query?: Record<string, string>
}

/** The path of a request, its parameters filled in. */
export function fill({ path }: Pick<Operation, 'path'>, { params = {}, query = {} }: Filling): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name]
    if (value === undefined) throw new Error(`Nothing is known to put into {${name}} of ${path}`)
    return encodeURIComponent(value)
  })
  const search = new URLSearchParams(query).toString()
  return search === '' ? filled : `${filled}?${search}`
}
