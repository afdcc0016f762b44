/** Of a body that is not needed, so much is taken in before the connection is closed: closed at once it would lose the answer. */
const REST_BYTES_MAX = 64 * 2 ** 20
const REST_MS = 2000
/** A body so small has arrived before anybody could stop it. */
const SMALL_BYTES = 65_536

export type BodyReader = Pick<ReadableStreamDefaultReader<Uint8Array>, 'read' | 'cancel'>

const rests = new WeakMap<Request, Promise<void>>()

/** Says that the rest of a body was left by its reader, and when it has been thrown away. */
export function leaveRest(request: Request, thrownAway: Promise<void>): void {
  rests.set(request, thrownAway)
}

/** Reads and forgets until the end, or until it is too much or takes too long. Never rejects. */
export async function throwAway(reader: BodyReader): Promise<void> {
  const stop = () => void reader.cancel().catch(() => undefined)
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(() => {
    stop()
    late.resolve()
  }, REST_MS)
  await Promise.race([readAway(reader), late.promise])
  clearTimeout(timer)
  stop()
}

async function readAway(reader: BodyReader): Promise<void> {
  try {
    for (let bytes = 0; bytes <= REST_BYTES_MAX; ) {
      const { done, value } = await reader.read()
      if (done) return
      bytes += value.byteLength
    }
  } catch {
    return // its sender is gone
  }
}

/**
 * A refusal for a request whose body is still arriving: it is sent at once, and ends with the connection once the client
 * has had time to read it. Any other response is answered as it is.
 */
export function answerEarly(request: Request, response: Response): Response {
  const rest = rests.get(request) ?? unread(request)
  if (!rest || response.body === null) return response
  const headers = new Headers(response.headers)
  headers.set('connection', 'close')
  return new Response(thenWait(response.body, rest), { status: response.status, headers })
}

function unread({ body, bodyUsed, headers }: Request): Promise<void> | undefined {
  if (body === null || bodyUsed || body.locked || Number(headers.get('content-length') ?? Number.NaN) <= SMALL_BYTES) return undefined
  return throwAway(body.getReader())
}

function thenWait(body: ReadableStream<Uint8Array>, rest: Promise<void>): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read()
        if (!done) return controller.enqueue(value)
        await rest
        controller.close()
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
