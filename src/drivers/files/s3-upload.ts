import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Fault } from '../../core/fault.ts'
import type { S3Caller } from './s3-client.ts'
import { Places } from './s3-places.ts'

/** S3 takes at most 10 000 parts: so an object may have 68 GiB, more than any setting allows. */
const PART_BYTES = 7 * 1024 * 1024
const FIRST_BYTES = 65_536
/** Of one upload: one is filled while two are sent. */
const BUFFERS = 3
/** A store may take long to put a large object together. */
const COMPLETE_MS = 600_000
/** How long parts under way may still take when the upload is given up: a part that arrives later is never found again. */
const SETTLE_MS = 10_000

/** What all uploads of the process share. */
export interface Shared {
  /** Buffers beyond the first of each upload. */
  spares: number
  /** For parts: while one is sent, the runtime holds it a second time. */
  sending: Places
}

export const newShared = (): Shared => ({ spares: 4, sending: new Places(4) })

/**
 * Sends an object of unknown length: a small one in one request, a large one in parts. The SDK's own Upload holds twice
 * as much memory, and does not wait for its parts when it is aborted.
 */
export class S3Upload {
  private readonly target: { Bucket: string; Key: string }
  private readonly sending = new Set<Promise<void>>()
  private readonly free: Buffer[] = []
  private readonly parts: CompletedPart[] = []
  private readonly stopped = new AbortController()
  private readonly failing = new AbortController()
  private buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  private filled = 0
  private owned = 1
  private sent = 0
  private uploadId: string | undefined

  constructor(
    private readonly caller: S3Caller,
    key: string,
    private readonly shared: Shared,
  ) {
    this.target = { Bucket: caller.bucket, Key: key }
  }

  /** Aborted with the fault of the first part that could not be sent. */
  get failed(): AbortSignal {
    return this.failing.signal
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.byteLength; ) {
      if (this.filled === this.buffer.byteLength) await this.makeRoom()
      const bytes = Math.min(chunk.byteLength - at, this.buffer.byteLength - this.filled)
      this.buffer.set(chunk.subarray(at, at + bytes), this.filled)
      this.filled += bytes
      at += bytes
    }
  }

  async complete(): Promise<void> {
    const Body = this.buffer.subarray(0, this.filled)
    if (this.uploadId === undefined) {
      await this.caller.run((s3, options) => s3.send(new PutObjectCommand({ ...this.target, Body, ContentLength: this.filled }), options))
      return
    }
    if (this.filled > 0) this.sendPart()
    await Promise.all(this.sending)
    this.failed.throwIfAborted()
    const Parts = this.parts.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0))
    const command = new CompleteMultipartUploadCommand({ ...this.target, UploadId: this.uploadId, MultipartUpload: { Parts } })
    await this.caller.run((s3, options) => s3.send(command, options), { ms: COMPLETE_MS })
  }

  /** Leaves no part behind if the store can be reached. */
  async abandon(): Promise<void> {
    const timer = setTimeout(() => this.stopped.abort(), SETTLE_MS)
    await Promise.all(this.sending)
    clearTimeout(timer)
    if (this.uploadId === undefined) return
    const command = new AbortMultipartUploadCommand({ ...this.target, UploadId: this.uploadId })
    await this.caller.run((s3, options) => s3.send(command, options))
  }

  /** Gives the memory back; the last thing to call. */
  release(): void {
    this.shared.spares += this.owned - 1
    this.owned = 1
    this.free.length = 0
  }

  private async makeRoom(): Promise<void> {
    if (this.buffer.byteLength < PART_BYTES) return this.grow()
    if (this.uploadId === undefined) {
      const command = new CreateMultipartUploadCommand(this.target)
      this.uploadId = (await this.caller.run((s3, options) => s3.send(command, options))).UploadId
      if (this.uploadId === undefined) throw new Fault('unavailable', 'The file store began an upload without a name.')
    }
    this.sendPart()
    this.buffer = await this.nextBuffer()
  }

  /** Most objects are small, and many may come at once. */
  private grow(): void {
    const larger = Buffer.allocUnsafeSlow(Math.min(this.buffer.byteLength * 4, PART_BYTES))
    this.buffer.copy(larger, 0, 0, this.filled)
    this.buffer = larger
  }

  private sendPart(): void {
    const sending = this.send(this.buffer, this.filled).finally(() => this.sending.delete(sending))
    this.sending.add(sending)
    this.filled = 0
  }

  /** Never rejects: the first failure is in `failed`. */
  private async send(buffer: Buffer, bytes: number): Promise<void> {
    this.sent += 1
    const PartNumber = this.sent
    const { sending } = this.shared
    try {
      await sending.take(this.stopped.signal)
      const input = { ...this.target, UploadId: this.uploadId, PartNumber, Body: buffer.subarray(0, bytes), ContentLength: bytes }
      const command = new UploadPartCommand(input)
      const answer = await this.caller
        .run((s3, options) => s3.send(command, options), { signal: this.stopped.signal })
        .finally(() => sending.give())
      this.parts.push({ PartNumber, ETag: answer.ETag })
    } catch (error) {
      this.failing.abort(error)
    } finally {
      this.free.push(buffer)
    }
  }

  private async nextBuffer(): Promise<Buffer> {
    for (;;) {
      this.failed.throwIfAborted()
      const buffer = this.free.pop()
      if (buffer) return buffer
      if (this.owned < BUFFERS && this.shared.spares > 0) {
        this.shared.spares -= 1
        this.owned += 1
        return Buffer.allocUnsafeSlow(PART_BYTES)
      }
      await Promise.race(this.sending)
    }
  }
}
