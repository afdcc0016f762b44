import type { Json, JsonObject } from '../../core/json.ts'
import { refuseField } from './refusal.ts'

/** `values.messages[-1].content`: names with dots between, places in lists in brackets; negative ones count from the end. */
export type Path = (string | number)[]

const STEP = /(?:^|(?!^)\.)([^.[\]]+)|\[(-?\d{1,9})\]/y

/** Throws a refusal for what is not such a path. `at` is where it stands in the request. */
export function readPath(text: string, at: readonly string[]): Path {
  const path: Path = []
  STEP.lastIndex = 0
  for (let end = 0; end < text.length; end = STEP.lastIndex) {
    const step = STEP.exec(text)
    if (!step) throw refuseField(at, `${at.join('.')}: expected a path such as 'values.messages[-1].content', but got '${text}'.`)
    path.push(step[1] ?? Number(step[2]))
  }
  return path
}

/** What is at the end of the path; null where there is nothing. */
export function follow(value: Json, path: Path): Json {
  let here: Json | undefined = value
  for (const step of path) here = here === undefined ? undefined : stepInto(here, step)
  return here ?? null
}

function stepInto(value: Json, step: string | number): Json | undefined {
  if (Array.isArray(value)) return typeof step === 'number' ? value.at(step) : undefined
  if (typeof step === 'number' || typeof value !== 'object' || value === null) return undefined
  return Object.hasOwn(value, step) ? value[step] : undefined
}

/** The named fields of an object. Of a field `a.b` only what is under `b`, beside others of the same `a`. */
export function pick(object: JsonObject, fields: readonly string[]): JsonObject {
  const picked: JsonObject = {}
  for (const field of fields) {
    const [name = '', key] = split(field)
    const value = object[name]
    if (value === undefined) continue
    if (key === undefined) picked[name] = value
    else if (!fields.includes(name)) picked[name] = { ...(picked[name] as JsonObject | undefined), ...one(value, key) }
  }
  return picked
}

function split(field: string): [string, string?] {
  const dot = field.indexOf('.')
  return dot < 0 ? [field] : [field.slice(0, dot), field.slice(dot + 1)]
}

function one(value: Json, key: string): JsonObject {
  const held = stepInto(value, key)
  return held === undefined ? {} : { [key]: held }
}

/** An answer of which the client wants less than the schema says; no handler could return it otherwise. */
export const partial = (value: unknown, headers: Record<string, string> = {}): never => Response.json(value, { headers }) as never
