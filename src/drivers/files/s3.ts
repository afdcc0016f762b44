import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import type { Config } from '../../config.ts'
import { Fault } from '../../core/fault.ts'
import type { Clock, Log } from '../../core/needs.ts'
import { attachment } from '../../http/download.ts'
import { Interruption, intake, Meter, requireGoingOn, requireKey } from './intake.ts'
import type { Files, ObjectKey, PutLimits, Range, SignedRequest, StoredObject } from './port.ts'
import { followBody } from './s3-body.ts'
import { S3Caller } from './s3-client.ts'
import { newShared, S3Upload } from './s3-upload.ts'

export interface S3Options {
  config: Config['files']
  bucket: string
  clock: Clock
  log: Log
}

const WEEK_S = 7 * 24 * 3600
/** Unfinished uploads of one key: more than one needs several writers of it. */
const LIST_PAGES_MAX = 10

/** Objects in a bucket of an S3-compatible store, by the key `<tenant>/<id>`. Loaded on first use: the SDK is large. */
export class S3Files implements Files {
  readonly kind = 's3'
  private readonly caller: S3Caller
  private readonly writing = new Set<string>()
  private readonly shared = newShared()
  private listless = false

  constructor(private readonly options: S3Options) {
    this.caller = new S3Caller(options.config, options.bucket)
  }

  async put(key: ObjectKey, source: AsyncIterable<Uint8Array>, limits: PutLimits): Promise<StoredObject> {
    const name = nameOf(key)
    if (this.writing.has(name)) throw new Fault('wrong_state', 'This object is being written already.')
    this.writing.add(name)
    try {
      return await this.write(name, source, limits)
    } catch (error) {
      if (error instanceof Interruption) throw error.reason
      throw error instanceof Fault && error.code === 'not_found' ? removed() : error
    } finally {
      this.writing.delete(name)
    }
  }

  private async write(name: string, source: AsyncIterable<Uint8Array>, { bytesMax, signal }: PutLimits): Promise<StoredObject> {
    const upload = new S3Upload(this.caller, name, this.shared)
    const meter = new Meter()
    const ends = signal ? AbortSignal.any([signal, upload.failed]) : upload.failed
    try {
      for await (const chunk of intake(source, { bytesMax, signal: ends }, meter)) await upload.write(chunk)
      await upload.complete()
      requireGoingOn(signal)
      return meter.result()
    } catch (error) {
      await this.withdraw(upload, name)
      throw error
    } finally {
      upload.release()
    }
  }

  /** What went wrong first is what is told; what stays is left to a sweep. */
  private async withdraw(upload: S3Upload, name: string): Promise<void> {
    try {
      await upload.abandon()
      // The store may have taken what it did not confirm.
      await this.delete(name)
    } catch (error) {
      this.options.log.warn('files.put_not_withdrawn', { reason: (error as Error).message })
    }
  }

  async read(key: ObjectKey, range?: Range): Promise<ReadableStream<Uint8Array>> {
    if (range?.bytes === 0) return this.nothingOf(key)
    const Range = range ? { Range: `bytes=${range.start}-${range.start + range.bytes - 1}` } : {}
    const command = new GetObjectCommand({ Bucket: this.caller.bucket, Key: nameOf(key), ...Range })
    const answer = await this.caller.run((s3, options) => unless(['InvalidRange'], s3.send(command, options)))
    if (!answer) return this.nothingOf(key)
    if (!answer.Body) throw new Fault('unavailable', 'The file store answered without a body.')
    return followBody(answer.Body.transformToWebStream(), answer.ContentLength)
  }

  private async nothingOf(key: ObjectKey): Promise<ReadableStream<Uint8Array>> {
    await this.size(key)
    return new Blob([]).stream()
  }

  async size(key: ObjectKey): Promise<number> {
    const command = new HeadObjectCommand({ Bucket: this.caller.bucket, Key: nameOf(key) })
    try {
      return (await this.caller.run((s3, options) => s3.send(command, options))).ContentLength ?? 0
    } catch (error) {
      // The answer to HEAD does not say whether the object is missing or the whole bucket.
      if (error instanceof Fault && error.code === 'not_found') await this.caller.check()
      throw error
    }
  }

  /** Unfinished uploads go first: a writer that completes one in between leaves what the second step removes. */
  async remove(key: ObjectKey): Promise<void> {
    const name = nameOf(key)
    for (const uploadId of await this.unfinished(name)) await this.abort(name, uploadId)
    await this.delete(name)
  }

  async sign({ key, method, expiresAt, type, bytes, filename }: SignedRequest): Promise<string> {
    const input = { Bucket: this.caller.bucket, Key: nameOf(key) }
    // A link that is over is made in the past.
    const signedAt = Math.min(this.options.clock.now(), expiresAt - 1000)
    const expiresIn = Math.floor((expiresAt - signedAt) / 1000)
    if (expiresIn > WEEK_S) throw new Fault('invalid', 'A link to an S3 store is good for a week at most.', { reason: 'too_big' })
    const options = { expiresIn, signingDate: new Date(signedAt) }
    if (method === 'GET') {
      const answers = { ResponseContentType: type, ResponseContentDisposition: attachment(filename) }
      return getSignedUrl(this.caller.client, new GetObjectCommand({ ...input, ...answers }), options)
    }
    const put = new PutObjectCommand({ ...input, ContentType: type, ContentLength: bytes ?? 0 })
    return getSignedUrl(this.caller.client, put, { ...options, signableHeaders: new Set(['host', 'content-type', 'content-length']) })
  }

  check(): Promise<void> {
    return this.caller.check()
  }

  async close(): Promise<void> {
    this.caller.client.destroy()
  }

  private async delete(name: string): Promise<void> {
    const command = new DeleteObjectCommand({ Bucket: this.caller.bucket, Key: name })
    await this.caller.run((s3, options) => unless(['NoSuchKey', 'NotFound'], s3.send(command, options)))
  }

  private async abort(name: string, uploadId: string): Promise<void> {
    const command = new AbortMultipartUploadCommand({ Bucket: this.caller.bucket, Key: name, UploadId: uploadId })
    await this.caller.run((s3, options) => unless(['NoSuchUpload'], s3.send(command, options)))
  }

  /** Stores that cannot list them have to clean up by a rule of their own. */
  private async unfinished(name: string): Promise<string[]> {
    const found: string[] = []
    let marker: { KeyMarker?: string; UploadIdMarker?: string } = {}
    for (let page = 0; page < LIST_PAGES_MAX && !this.listless; page++) {
      const command = new ListMultipartUploadsCommand({ Bucket: this.caller.bucket, Prefix: name, ...marker })
      const list = await this.caller.run((s3, options) => unless(LISTLESS, s3.send(command, options)))
      if (!list) {
        this.listless = true
        this.options.log.warn('files.s3_uploads_not_listed', { bucket: this.caller.bucket })
        break
      }
      for (const { Key, UploadId } of list.Uploads ?? []) if (Key === name && UploadId) found.push(UploadId)
      if (!list.IsTruncated || !list.NextKeyMarker) break
      marker = { KeyMarker: list.NextKeyMarker, ...(list.NextUploadIdMarker ? { UploadIdMarker: list.NextUploadIdMarker } : {}) }
    }
    return found
  }
}

const LISTLESS = ['NotImplemented', 'MethodNotAllowed', 'AccessDenied']

/** Undefined where the store refuses with one of these names. */
async function unless<T>(names: readonly string[], answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof Error && names.includes(error.name)) return undefined
    throw error
  }
}

const removed = (): Fault => new Fault('unavailable', 'The object was removed while it was written.')

const nameOf = (key: ObjectKey): string => {
  requireKey(key)
  return `${key.tenantId}/${key.id}`
}
