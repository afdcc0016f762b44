import type { Static, TSchema } from '@sinclair/typebox'
import { Fault } from '../../core/fault.ts'
import type { WrittenObject } from '../../core/files/objects.ts'
import type { PendingBody } from '../../http/pending-body.ts'
import type { IncomingFile } from '../../http/upload.ts'
import { findProblem, type SchemaNode } from './explain.ts'
import { Refusal } from './refusal.ts'

/** Where the content of a form's file goes. */
export interface FormStore {
  fileBytesMax: number
  /** Refuses before it reads, where the name or the sender is not welcome. */
  store(file: IncomingFile & { filename: string }): Promise<WrittenObject>
  undo(object: WrittenObject): Promise<void>
}

export interface ReceivedForm<S extends TSchema> {
  fields: Static<S>
  filename: string
  /** As the client has it. */
  mediaType: string
  object: WrittenObject
}

type Value = Record<string, unknown>

/** A multipart body that nobody has read yet. `file` is the field of the schema that holds the file. */
export class PendingForm<S extends TSchema> {
  constructor(
    private readonly schema: S,
    private readonly file: string,
    private readonly body: PendingBody,
  ) {}

  /** Streams the file while the form arrives, and checks the fields as soon as they are there. */
  async receive({ fileBytesMax, store, undo }: FormStore): Promise<ReceivedForm<S>> {
    let sent = { filename: '', mediaType: '' }
    const { fields, file: object } = await this.body.readUpload<WrittenObject>({
      fileBytesMax,
      undo,
      onFile: async (file) => {
        this.welcome(file)
        sent = { filename: file.filename ?? '', mediaType: file.mediaType }
        return store({ ...file, filename: sent.filename })
      },
    })
    try {
      const value = this.check(fields, object !== undefined)
      if (!object) throw new Error('a form without its file was taken for whole')
      this.body.value = { ...value, [this.file]: { filename: sent.filename, bytes: object.bytes, sha256: object.sha256 } }
      return { fields: value as Static<S>, ...sent, object }
    } catch (error) {
      if (object) await undo(object)
      throw error
    }
  }

  private welcome({ field, fields }: IncomingFile): void {
    const { properties = {} } = this.schema as SchemaNode
    if (!Object.hasOwn(properties, field)) throw new Refusal(400, { ...unknownField(field) })
    if (field !== this.file) throw new Refusal(400, wrongKind(field, 'a string', 'a file'))
    const problem = findProblem(this.schema as SchemaNode, this.valueOf(fields, true))
    // What is missing may stand behind the file.
    if (problem && problem.code !== 'missing_required_parameter') throw new Refusal(400, problem)
  }

  private check(fields: ReadonlyMap<string, string>, hasFile: boolean): Value {
    if (fields.has(this.file)) throw new Refusal(400, wrongKind(this.file, 'a file', 'a string'))
    const value = this.valueOf(fields, hasFile)
    const problem = findProblem(this.schema as SchemaNode, value)
    if (problem) throw new Refusal(400, problem)
    return value
  }

  /** `expires_after[seconds]` is a field inside of another one; all values of a form are texts. */
  private valueOf(fields: ReadonlyMap<string, string>, hasFile: boolean): Value {
    const value: Value = Object.create(null)
    if (hasFile) value[this.file] = ''
    for (const [name, text] of fields) {
      const [, outer = name, inner] = /^([^[\]]+)\[([^[\]]+)\]$/.exec(name) ?? []
      if (inner === undefined) {
        if (Object.hasOwn(value, name)) throw twice(name)
        value[name] = read((this.schema as SchemaNode).properties?.[name], text)
        continue
      }
      if (!Object.hasOwn(value, outer)) value[outer] = Object.create(null)
      const inside = value[outer]
      if (typeof inside !== 'object' || inside === null) throw twice(outer)
      ;(inside as Value)[inner] = read((this.schema as SchemaNode).properties?.[outer]?.properties?.[inner], text)
    }
    return value
  }
}

const read = (node: SchemaNode | undefined, text: string): string | number =>
  node?.type === 'integer' && /^-?\d{1,15}$/.test(text) ? Number(text) : text

const twice = (name: string): Fault =>
  new Fault('invalid', `Invalid '${name}': it was given more than once.`, { param: name, reason: 'value' })

const unknownField = (name: string) => ({ message: `Unknown parameter: '${name}'.`, param: name, code: 'unknown_parameter' })

const wrongKind = (param: string, expected: string, got: string) => ({
  message: `Invalid type for '${param}': expected ${expected}, but got ${got} instead.`,
  param,
  code: 'invalid_type',
})
