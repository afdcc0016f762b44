import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { type AnswerStream, type NewCompletion, streamCompletion } from '../../core/completions/completions.ts'
import { streamCompletionOnce } from '../../core/completions/replay.ts'
import { sseResponse } from '../../http/sse.ts'
import { askedOf, type Once } from './caller.ts'
import { toChunk } from './chat.wire.ts'
import { toReply } from './errors.ts'
import { COMMENT } from './frame-format.ts'
import type { ErrorBody } from './refusal.ts'

interface ChatAsked {
  caller: Caller
  once: Once
  completion: Omit<NewCompletion, 'signal'>
  request: Request
}

/** The provider's chunks as unnamed frames. Faults before the first chunk are thrown; the provider is left when the client goes. */
export async function chatStream(app: App, { caller, once, completion, request }: ChatAsked): Promise<Response> {
  const stop = new AbortController()
  const leave = () => stop.abort()
  const input = { ...completion, signal: AbortSignal.any([request.signal, stop.signal]) }
  try {
    // Only a request that may come again has its chunks recorded.
    const keyed = request.headers.has('idempotency-key')
    const stream = keyed ? await streamCompletionOnce(once, caller, input) : await streamCompletion(app, caller, input)
    return sseResponse({
      signal: request.signal,
      streams: app.streams,
      comment: COMMENT,
      open(signal) {
        signal.addEventListener('abort', leave, { once: true })
        return frames(stream)
      },
      onError: (error) => errorFrame(toReply(error, askedOf(request), app.log).body),
    })
  } catch (error) {
    leave()
    throw error
  }
}

async function* frames({ id, chunks }: AnswerStream): AsyncGenerator<string> {
  for await (const chunk of chunks) yield `data: ${toChunk(id, chunk)}\n\n`
  yield 'data: [DONE]\n\n'
}

const errorFrame = (body: ErrorBody): string => `data: ${JSON.stringify({ error: body })}\n\n`
