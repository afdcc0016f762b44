import type { Caller } from '../caller.ts'
import type { Parts } from '../needs.ts'
import { type AnswerStream, type NewCompletion, streamCompletion } from './completions.ts'

/** `onceCalled` for one request: its key and body are known. */
export type Once = <T>(effect: (app: Parts) => Promise<T>) => Promise<T>

interface Recording {
  id: string | null
  chunks: string[]
}

/**
 * A stream under an idempotency key: the first request reads it live, and the same request again gets the same chunks
 * at once. What was not read to its end is not kept, and the next request asks the model anew.
 */
export async function streamCompletionOnce(once: Once, caller: Caller, completion: NewCompletion): Promise<AnswerStream> {
  const live = Promise.withResolvers<AnswerStream>()
  const kept: Promise<Recording> = once(async (parts) => {
    const { id, chunks } = await streamCompletion(parts, caller, completion)
    const recorder = new Recorder(completion.signal)
    live.resolve({ id, chunks: recorder.pass(chunks, () => kept) })
    return { id, chunks: await recorder.whole }
  })
  return Promise.race([live.promise, kept.then(replay)])
}

const replay = ({ id, chunks }: Recording): AnswerStream => ({
  id,
  chunks: (async function* () {
    yield* chunks
  })(),
})

/** Hears what a reader reads; knows the whole once the reader came to its end. */
class Recorder {
  readonly #end = Promise.withResolvers<string[]>()

  constructor(signal: AbortSignal) {
    signal.addEventListener('abort', () => this.#leave(), { once: true })
    if (signal.aborted) this.#leave()
  }

  get whole(): Promise<string[]> {
    return this.#end.promise
  }

  /** `settled` is awaited before the last read ends, so that what was read to its end is kept. */
  async *pass(chunks: AsyncIterable<string>, settled: () => Promise<unknown>): AsyncGenerator<string> {
    const heard: string[] = []
    try {
      for await (const chunk of chunks) {
        heard.push(chunk)
        yield chunk
      }
      this.#end.resolve(heard)
      await settled()
    } finally {
      this.#leave()
    }
  }

  /** Means nothing once the whole is known. */
  #leave(): void {
    this.#end.reject(new DOMException('The stream was not read to its end.', 'AbortError'))
  }
}
