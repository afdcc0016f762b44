import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type JsonObject = { [key: string]: Json }

/** OpenAPI 3.0 says `nullable` where JSON Schema says a type; without a type of its own it stands for null alone. */
function toJsonSchema(value: Json): Json {
  if (Array.isArray(value)) return value.map(toJsonSchema)
  if (typeof value !== 'object' || value === null) return value
  const { nullable, ...rest } = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toJsonSchema(inner)]))
  if (nullable !== true) return rest
  if (typeof rest.type === 'string') return { ...rest, type: [rest.type, 'null'] }
  return Object.keys(rest).length === 0 ? { type: 'null' } : { anyOf: [rest, { type: 'null' }] }
}

interface Operation {
  operationId: string
  parameters: Set<string>
  body: ValidateFunction | undefined
  answers: Map<string, ValidateFunction>
}

/** Checks requests and answers against an OpenAPI 3.0 file. */
export class OpenApi {
  private readonly ajv = new Ajv({ strict: false, allErrors: false, schemaId: '$id' })
  private readonly paths: Record<string, Record<string, JsonObject>>
  private readonly operations = new Map<string, Operation>()

  constructor(document: JsonObject) {
    addFormats.default(this.ajv)
    for (const format of ['uint', 'uint8', 'uint16', 'uint32', 'uint64']) {
      this.ajv.addFormat(format, { type: 'number', validate: (n) => Number.isInteger(n) && n >= 0 })
    }
    const schema = toJsonSchema(document) as JsonObject
    this.ajv.addSchema({ $id: 'api', components: schema.components }, 'api')
    this.paths = schema.paths as Record<string, Record<string, JsonObject>>
  }

  /** What is wrong with a request, or undefined. */
  request(method: string, path: string, sent: { query: URLSearchParams; body: unknown }): string | undefined {
    const operation = this.operation(method, path)
    const unknown = [...sent.query.keys()].find((name) => !operation.parameters.has(name))
    if (unknown !== undefined) return `${operation.operationId}: unknown parameter ${unknown}`
    if (operation.body === undefined) return sent.body === undefined ? undefined : `${operation.operationId}: takes no body`
    return this.explain(operation.body, sent.body, operation.operationId)
  }

  answer(method: string, path: string, given: { status: number; body: unknown }): string | undefined {
    const operation = this.operation(method, path)
    const validate = operation.answers.get(String(given.status)) ?? operation.answers.get(`${String(given.status)[0]}XX`)
    if (validate === undefined) return given.status >= 500 ? undefined : `${operation.operationId}: no answer ${given.status}`
    return this.explain(validate, given.body, `${operation.operationId} ${given.status}`)
  }

  private explain(validate: ValidateFunction, value: unknown, what: string): string | undefined {
    return validate(value) ? undefined : `${what}: ${this.ajv.errorsText(validate.errors)}`
  }

  private operation(method: string, path: string): Operation {
    const name = `${method} ${path}`
    const known = this.operations.get(name)
    if (known) return known
    const described = this.paths[path]?.[method.toLowerCase()]
    if (!described) throw new Error(`The API has no ${name}.`)
    const bodies = described.requestBody as JsonObject | undefined
    const answers = Object.entries(described.responses as JsonObject).map(([status, answer]) => [status, this.compile(answer)] as const)
    const operation: Operation = {
      operationId: String(described.operationId),
      parameters: new Set((described.parameters as JsonObject[] | undefined)?.filter((p) => p.in === 'query').map((p) => String(p.name))),
      body: bodies && this.compile(bodies),
      answers: new Map(answers.filter((entry): entry is [string, ValidateFunction] => entry[1] !== undefined)),
    }
    this.operations.set(name, operation)
    return operation
  }

  private compile(holder: Json): ValidateFunction | undefined {
    const schema = (holder as { content?: { 'application/json'?: { schema?: JsonObject } } }).content?.['application/json']?.schema
    if (schema === undefined) return undefined
    return this.ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/')))
  }
}
