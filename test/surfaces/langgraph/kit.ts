import { Client } from '@langchain/langgraph-sdk'
import { Client as OldClient } from 'sdk-2'
import { GRAPHS } from '../../support/graph-runs.ts'
import { type Served, type ServeOptions, serve } from '../../support/served.ts'

export const serveGraphs = (options: ServeOptions = {}, models: Parameters<typeof serve>[0] = {}): Promise<Served> =>
  serve(models, { worker: true, ...options, langgraph: { graphs: GRAPHS, ...options.langgraph } })

export type Fetch = (...args: Parameters<typeof fetch>) => Promise<Response>

export const CLIENTS = [
  ['1.15.0', Client],
  ['2.0.0', OldClient as unknown as typeof Client],
] as const

/** A client as people make one, which does not try again by itself unless a stream breaks. */
export const openClient = (served: Served, Sdk: typeof Client = Client, fetch?: Fetch): Client =>
  new Sdk({
    apiUrl: `${served.url}${served.app.config.langgraph.prefix}`,
    apiKey: served.key,
    callerOptions: { maxRetries: 0, ...(fetch ? { fetch } : {}) },
  })

export interface SeenFrame {
  id: string | undefined
  event: string
  data: unknown
}

/** Reads an event stream frame by frame. Comments are lines of their own, as this API writes them. */
export class FrameReader {
  comments = 0
  private readonly bytes: Pick<ReadableStreamDefaultReader<Uint8Array>, 'read' | 'cancel'>
  private readonly decoder = new TextDecoder()
  private text = ''
  private ready: SeenFrame[] = []

  constructor(response: Response) {
    if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream'))
      throw new Error(`${response.status} is no stream`)
    this.bytes = response.body.getReader()
  }

  async next(): Promise<SeenFrame | undefined> {
    while (this.ready.length === 0) {
      const { done, value } = await this.bytes.read()
      if (done) return undefined
      this.text += this.decoder.decode(value, { stream: true })
      const blocks = this.text.split('\n\n')
      this.text = blocks.pop() ?? ''
      for (const block of blocks) this.read(block)
    }
    return this.ready.shift()
  }

  /** The frames up to the first one that `wanted` says, that one included. */
  async until(wanted: (frame: SeenFrame) => boolean): Promise<SeenFrame[]> {
    const seen: SeenFrame[] = []
    for (;;) {
      const frame = await this.next()
      if (!frame) throw new Error(`The stream ended: ${seen.map(({ event }) => event).join(', ')}`)
      seen.push(frame)
      if (wanted(frame)) return seen
    }
  }

  async rest(): Promise<SeenFrame[]> {
    const seen: SeenFrame[] = []
    for (let frame = await this.next(); frame; frame = await this.next()) seen.push(frame)
    return seen
  }

  leave(): Promise<void> {
    return this.bytes.cancel()
  }

  private read(block: string): void {
    const lines = block.split('\n')
    const fields = new Map(
      lines.filter((line) => !line.startsWith(':')).map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
    )
    this.comments += lines.length - fields.size
    if (fields.size > 0)
      this.ready.push({ id: fields.get('id'), event: fields.get('event') ?? '', data: JSON.parse(fields.get('data') ?? 'null') })
  }
}

export const readFrames = (response: Response): Promise<SeenFrame[]> => new FrameReader(response).rest()

/** `event data` */
export const lines = (frames: readonly { event: string; data: unknown }[]): string[] =>
  frames.map(({ event, data }) => `${event} ${JSON.stringify(data)}`)

/** A fetch whose first stream breaks after so many frames; it notes what was asked for. */
export function breakingFetch(frames: number): { fetch: Fetch; asked: { method: string; path: string; lastEventId: string | null }[] } {
  const asked: { method: string; path: string; lastEventId: string | null }[] = []
  let broken = false
  return {
    asked,
    async fetch(...[input, init]) {
      const { pathname, search } = new URL(String(input))
      asked.push({ method: init?.method ?? 'GET', path: pathname + search, lastEventId: new Headers(init?.headers).get('last-event-id') })
      const response = await fetch(input, init)
      if (broken || !response.body || !response.headers.get('content-type')?.startsWith('text/event-stream')) return response
      broken = true
      return new Response(breakAfter(response.body, frames), response)
    },
  }
}

function breakAfter(body: ReadableStream<Uint8Array>, frames: number): ReadableStream<Uint8Array> {
  let left = frames
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        for (const block of decoder.decode(chunk, { stream: true }).split(/(?<=\n\n)/)) {
          if (left-- <= 0) return controller.error(new TypeError('terminated'))
          controller.enqueue(encoder.encode(block))
        }
      },
    }),
  )
}
