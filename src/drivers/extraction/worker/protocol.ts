import type { Chunking, ExtractionProblem } from '../port.ts'

/** What the server and the process that reads documents say to each other: JSON, one message a line. */
export interface ReadRequest {
  /** A private copy of the file. */
  path: string
  filename: string
  mediaType: string
  chunking: Chunking
  tokensMax: number
  timeoutMs: number
}

export type WorkerMessage =
  | { is: 'ready' }
  | { is: 'chunks'; chunks: [text: string, tokens: number][] }
  | { is: 'done'; type: string }
  | { is: 'problem'; problem: ExtractionProblem; message: string }

/** The hidden verb of the command line that starts the process. */
export const WORKER_VERB = 'extract-worker'

const LINE_MAX = 16 * 1024 * 1024

/** Whole lines of a stream; ends with it. */
export async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  const reader = stream.getReader()
  let open: string[] = []
  let length = 0
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const [first = '', ...others] = decoder.decode(piece.value, { stream: true }).split('\n')
    open.push(first)
    length += first.length
    if (length > LINE_MAX) throw new Error('A line of the reading process is too long.')
    for (const next of others) {
      yield open.join('')
      open = [next]
      length = next.length
    }
  }
}
