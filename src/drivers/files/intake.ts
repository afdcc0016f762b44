import { Fault } from '../../core/fault.ts'
import { isUuid } from '../../core/id.ts'
import type { ObjectKey, PutLimits, StoredObject } from './port.ts'

/** Counts and hashes what goes through. */
export class Meter {
  bytes = 0
  private readonly sha256 = new Bun.CryptoHasher('sha256')
  private readonly md5 = new Bun.CryptoHasher('md5')

  add(chunk: Uint8Array): void {
    this.bytes += chunk.byteLength
    this.sha256.update(chunk)
    this.md5.update(chunk)
  }

  /** Once, at the end. */
  result(): StoredObject {
    return { bytes: this.bytes, sha256: this.sha256.digest('hex'), md5: this.md5.digest('hex') }
  }
}

/** Carries what the source threw, or why the put was ended, past those who translate errors of the store. */
export class Interruption extends Error {
  constructor(readonly reason: unknown) {
    super('interrupted')
  }
}

export function requireGoingOn(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new Interruption(signal.reason)
}

/**
 * The chunks of `source` as they come, metered. Ends with Fault('too_large') past the limit, and with an Interruption
 * when the source fails or the signal is aborted, also while the source is silent. The source is told that nobody wants
 * the rest.
 */
export async function* intake(source: AsyncIterable<Uint8Array>, limits: PutLimits, meter: Meter): AsyncGenerator<Uint8Array, void, void> {
  const { bytesMax, signal } = limits
  const chunks = source[Symbol.asyncIterator]()
  let fail: ((reason: unknown) => void) | undefined
  const abort = () => fail?.(signal?.reason)
  signal?.addEventListener('abort', abort)
  // One promise for each chunk: racing with a lasting one would keep something of every chunk.
  const next = () =>
    new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
      fail = (reason) => reject(new Interruption(reason))
      chunks.next().then(resolve, fail)
    })
  let ended = false
  try {
    for (;;) {
      requireGoingOn(signal)
      const { done, value } = await next()
      if (done) {
        ended = true
        return
      }
      if (meter.bytes + value.byteLength > bytesMax) throw new Fault('too_large', `The file is larger than ${bytesMax} bytes.`)
      meter.add(value)
      if (value.byteLength > 0) yield value
    }
  } finally {
    signal?.removeEventListener('abort', abort)
    // Not awaited: a source that hangs answers this only after the chunk it hangs on.
    if (!ended) void leave(chunks)
  }
}

async function leave(chunks: AsyncIterator<Uint8Array>): Promise<void> {
  try {
    await chunks.return?.()
  } catch {
    return // whoever reads it knows already why it ended
  }
}

/** Where an object lies below the root of a store: made of nothing but the two ids. */
export function requireKey({ tenantId, id }: ObjectKey): void {
  if (!isUuid(tenantId) || !isUuid(id)) throw new Error('The key of an object is made of two UUIDs.')
}

export const missing = (): Fault => new Fault('not_found', 'The object is not there.')
