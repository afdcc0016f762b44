import { Fault } from '../../core/fault.ts'

/** Longest silence while somebody waits for a chunk; how slowly the chunks are taken does not matter. */
const IDLE_MS = 60_000

/** The body of an answer, which ends as a fault when it breaks off, falls silent or is shorter than it was said to be. */
export function followBody(body: ReadableStream<Uint8Array>, bytes: number | undefined, idleMs = IDLE_MS): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let left = bytes
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await within(reader.read(), idleMs)
          if (done && left !== undefined && left > 0) throw broken()
          if (done) return controller.close()
          if (left !== undefined) left -= value.byteLength
          controller.enqueue(value)
        } catch (error) {
          reader.cancel().catch(() => undefined)
          throw error instanceof Fault ? error : broken()
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

const broken = (): Fault => new Fault('unavailable', 'The file store broke off in the middle of an object.')

function within<T>(arrival: Promise<T>, idleMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Fault('unavailable', 'The file store fell silent in the middle of an object.')), idleMs)
    arrival.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
