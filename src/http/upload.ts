import busboy, { type Busboy } from 'busboy'
import { Fault } from '../core/fault.ts'
import { type BodyLimits, within } from './body.ts'
import { type BodyReader, leaveRest, throwAway } from './rest.ts'

/** A file as it arrives. */
export interface IncomingFile {
  /** Name of the form's field. */
  field: string
  /** As sent, with whatever folders; undefined when there was none. */
  filename: string | undefined
  mediaType: string
  /** Ends with the file; throws when the rest does not come. */
  content: AsyncIterable<Uint8Array>
  /** Fires when the form is refused or its sender is gone. */
  signal: AbortSignal
  /** What came before the file. */
  fields: ReadonlyMap<string, string>
}

export interface UploadReader<T> {
  limits: Pick<BodyLimits, 'bodyIdleMs'> & {
    /** Of the file. */
    fileBytesMax: number
  }
  /** Reads all of the content, or throws to refuse the form. */
  onFile(file: IncomingFile): Promise<T>
  /** Takes back what `onFile` made, when the form turned out to be bad behind the file. */
  undo(made: T): Promise<void>
  /** Takes a body for a form that begins like one, whatever its Content-Type says: some clients call every body JSON. */
  sniffs?: boolean
}

export interface UploadForm<T> {
  fields: ReadonlyMap<string, string>
  /** What `onFile` made; undefined when no file came. */
  file: T | undefined
}

const FIELDS_MAX = 32
const FIELD_BYTES_MAX = 8192
const TOO_LONG = `a field is longer than ${FIELD_BYTES_MAX} bytes`
/** Beside the file: fields, part headers, boundaries. */
const REST_BYTES_MAX = 2 ** 20

/**
 * Reads a multipart form with at most one file, in whatever order its parts come; never more of it in memory than one
 * network read. Throws Fault('invalid') for what is no such form or stops arriving, Fault('too_large'), and what `onFile`
 * throws.
 */
export async function readUpload<T>(request: Request, reader: UploadReader<T>): Promise<UploadForm<T>> {
  const bytesMax = reader.limits.fileBytesMax + REST_BYTES_MAX
  if (Number(request.headers.get('content-length') ?? Number.NaN) > bytesMax) throw tooLarge(reader)
  const sniffed = reader.sniffs && !FORM.test(typeOf(request)) ? await sniff(request, reader) : undefined
  const reading = new Reading(openParser(sniffed?.type ?? typeOf(request)), reader)
  try {
    const body = sniffed?.body ?? request.body?.getReader()
    if (body !== undefined) await reading.pump(request, body, bytesMax)
    return await reading.end()
  } catch (error) {
    throw await reading.giveUp(error)
  }
}

const tooLarge = ({ limits }: UploadReader<unknown>): Fault =>
  new Fault('too_large', `The file is larger than ${limits.fileBytesMax} bytes.`)

const malformed = (detail: string, cause?: unknown): Fault =>
  new Fault('invalid', `We could not parse the multipart body of your request: ${detail}.`, { reason: 'syntax', cause })

const FORM = /^multipart\/form-data\s*(?:;|$)/i

const typeOf = (request: Request): string => request.headers.get('content-type') ?? ''

interface Sniffed {
  /** Content-Type, as the body tells it. */
  type: string
  body: BodyReader
}

/** Undefined for what does not begin like a form: then nobody wants the rest. */
async function sniff(request: Request, { limits }: UploadReader<unknown>): Promise<Sniffed | undefined> {
  const body = request.body?.getReader()
  if (body === undefined) return undefined
  const seen: Uint8Array[] = []
  let boundary: string | undefined
  try {
    boundary = await sniffBoundary(() => within(body.read(), limits), seen)
  } finally {
    if (boundary === undefined) leaveRest(request, throwAway(body))
  }
  if (boundary === undefined) return undefined
  const replayed: BodyReader = {
    async read() {
      const value = seen.shift()
      return value ? { done: false, value } : body.read()
    },
    cancel: (reason) => body.cancel(reason),
  }
  return { type: `multipart/form-data; boundary="${boundary}"`, body: replayed }
}

/** `--`, a boundary (RFC 2046) and the end of the line. */
const FIRST_LINE = /^--([\w'()+,./:=?-]{1,70})\r\n/
const FIRST_LINE_CHARS_MAX = 74

/** What was read to find it is in `seen`. */
async function sniffBoundary(read: () => ReturnType<BodyReader['read']>, seen: Uint8Array[]): Promise<string | undefined> {
  for (let start = ''; start.length < FIRST_LINE_CHARS_MAX && '--'.startsWith(start.slice(0, 2)); ) {
    const { done, value } = await read()
    if (done) return undefined
    seen.push(value)
    start += Buffer.from(value.subarray(0, FIRST_LINE_CHARS_MAX)).toString('latin1')
    const boundary = FIRST_LINE.exec(start)?.[1]
    if (boundary !== undefined) return boundary
  }
  return undefined
}

function openParser(type: string): Busboy {
  if (!FORM.test(type)) throw new Fault('invalid', "Invalid 'Content-Type': expected 'multipart/form-data'.", { reason: 'syntax' })
  try {
    return busboy({
      headers: { 'content-type': type },
      defParamCharset: 'utf8',
      preservePath: true,
      // One file more than is allowed, so that the one too many is seen.
      limits: { files: 2, fields: FIELDS_MAX, fieldSize: FIELD_BYTES_MAX, fieldNameSize: 256 },
    })
  } catch (cause) {
    throw malformed('no boundary is given', cause)
  }
}

class Reading<T> {
  private readonly fields = new Map<string, string>()
  private readonly stop = new AbortController()
  private readonly closed = Promise.withResolvers<void>()
  private readonly names = new Set<string>()
  private made: Promise<T> | undefined
  private interrupt: (error: unknown) => void = () => undefined

  constructor(
    private readonly parser: Busboy,
    private readonly reader: UploadReader<T>,
  ) {
    parser.on('field', (name, value, info) => {
      const flaw = info.nameTruncated || info.valueTruncated ? malformed(TOO_LONG) : this.flawOf(name)
      if (flaw) this.fail(flaw)
      else this.fields.set(name, value)
    })
    parser.on('file', (field, content, { filename, mimeType: mediaType }) => {
      // Without a listener its error would end the process.
      content.on('error', () => undefined)
      const flaw = this.flawOf(field, this.made !== undefined)
      if (flaw) this.fail(flaw)
      else this.take({ field, filename, mediaType, content, signal: this.stop.signal, fields: new Map(this.fields) })
    })
    parser.on('fieldsLimit', () => this.fail(malformed(`there are more than ${FIELDS_MAX} fields`)))
    parser.on('error', (error) => this.fail(malformed((error as Error).message.toLowerCase(), error)))
    parser.on('close', () => this.closed.resolve())
  }

  /** What is wrong with one more part of this name. */
  private flawOf(name: string | undefined, hasFile = false): Fault | undefined {
    if (name === undefined) return malformed('a part has no name')
    if (this.names.has(name)) return twice(name)
    if (hasFile) return malformed('there is more than one file')
    this.names.add(name)
    return undefined
  }

  private take(file: IncomingFile): void {
    this.made = this.reader.onFile(file)
    this.made.catch((error) => this.fail(error))
  }

  private fail(error: unknown): void {
    if (this.stop.signal.aborted) return
    this.stop.abort(error)
    this.interrupt(error)
    this.parser.destroy(error instanceof Error ? error : new Error('refused'))
  }

  /**
   * As `step`, but rejects as soon as the form fails. No `Promise.race` with a promise of the whole form: that would hold
   * the value of every race until the end, and so the whole file.
   */
  private unlessFailed<V>(step: Promise<V>): Promise<V> {
    const { signal } = this.stop
    return new Promise<V>((resolve, reject) => {
      if (signal.aborted) reject(signal.reason)
      this.interrupt = reject
      step.then(resolve, reject)
    })
  }

  /** Feeds the parser at the speed at which the file is taken. */
  async pump(request: Request, body: BodyReader, bytesMax: number): Promise<void> {
    try {
      for (let bytes = 0; ; ) {
        const { done, value } = await this.unlessFailed(within(body.read(), this.reader.limits))
        if (done) return
        bytes += value.byteLength
        if (bytes > bytesMax) throw tooLarge(this.reader)
        await this.unlessFailed(this.write(value))
      }
    } catch (error) {
      leaveRest(request, throwAway(body))
      throw error
    }
  }

  private write(bytes: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.parser.write(bytes, (error) => (error ? reject(error) : resolve()))
    return promise
  }

  async end(): Promise<UploadForm<T>> {
    this.parser.end()
    await this.unlessFailed(this.closed.promise)
    const file = this.made && (await this.unlessFailed(this.made))
    return { fields: this.fields, file }
  }

  /** Answers what to throw, once nothing of the file is left. */
  async giveUp(error: unknown): Promise<unknown> {
    this.fail(error)
    const made = await this.made?.then(
      (value) => ({ value }),
      () => undefined,
    )
    if (made) await this.reader.undo(made.value)
    return this.stop.signal.reason
  }
}

const twice = (name: string): Fault =>
  new Fault('invalid', `Invalid '${name}': it was given more than once.`, { param: name, reason: 'value' })
