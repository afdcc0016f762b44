import { Chunker } from '../chunking/chunker.ts'
import { openDocument } from '../documents/read.ts'
import { invalid, Refusal } from '../documents/refusal.ts'
import type { TextSink } from '../documents/sink.ts'
import { confine, limitProcessorTime } from './confine.ts'
import { openFileSource } from './file-source.ts'
import { type ReadRequest, readLines, type WorkerMessage } from './protocol.ts'

/** Characters of chunks that are sent together. */
const BATCH = 131_072
/** What documents may leave behind before it is collected. */
const GARBAGE_MAX = 24 * 1024 * 1024

/** The life of a process that reads documents, one after the other, until its parent closes its input. */
export async function serveDocuments(): Promise<void> {
  confine()
  keepQuiet()
  await send({ is: 'ready' })
  for await (const line of readLines(Bun.stdin.stream())) {
    // Not awaited: the end of the input must be seen while a document is read.
    answer(JSON.parse(line) as ReadRequest).catch(() => process.exit(1))
  }
  process.exit(0)
}

/** Standard output belongs to the protocol, and what packages remark about a document belongs nowhere. */
function keepQuiet(): void {
  for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const) console[name] = () => undefined
  // A signal to the whole group is for the parent, which ends this process when it is done with it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
}

async function answer(request: ReadRequest): Promise<void> {
  limitProcessorTime(request.timeoutMs)
  const answer = await readFile(request)
  collectGarbage()
  await send(answer)
}

/** Memory after the last collection. */
let atRest = 0

/** What the next document may use is counted from here. */
function collectGarbage(): void {
  if (process.memoryUsage.rss() < atRest + GARBAGE_MAX) return
  Bun.gc(true)
  atRest = process.memoryUsage.rss()
}

async function readFile(request: ReadRequest): Promise<WorkerMessage> {
  const source = await openFileSource(request.path)
  try {
    const document = await openDocument(source, request)
    const chunks = new ChunkSink(new Chunker(request.chunking, document), request.tokensMax)
    await document.read(chunks)
    await chunks.end()
    return { is: 'done', type: document.type }
  } catch (error) {
    if (error instanceof Refusal) return { is: 'problem', problem: error.problem, message: error.message }
    return { is: 'problem', problem: 'invalid_file', message: 'The file is broken: it cannot be read.' }
  } finally {
    await source.close()
  }
}

/** Sends chunks away as they are made, so that no text of a whole document is held. */
class ChunkSink implements TextSink {
  private batch: [string, number][] = []
  private size = 0
  private sent = false

  constructor(
    private readonly chunker: Chunker,
    private readonly tokensMax: number,
  ) {}

  write(text: string): void {
    this.add(this.chunker.push(text))
  }

  async flush(): Promise<void> {
    if (this.size > BATCH) await this.sendBatch()
  }

  async end(): Promise<void> {
    this.add(this.chunker.end())
    if (this.batch.length > 0) await this.sendBatch()
    if (!this.sent) throw invalid('The file has no text.')
  }

  private add(chunks: Iterable<{ text: string; tokens: number }>): void {
    for (const { text, tokens } of chunks) {
      this.batch.push([text, tokens])
      this.size += text.length
    }
    if (this.chunker.tokens > this.tokensMax) throw invalid(`The file is too large: it has more than ${this.tokensMax} tokens of text.`)
  }

  private async sendBatch(): Promise<void> {
    const chunks = this.batch
    this.batch = []
    this.size = 0
    this.sent = true
    await send({ is: 'chunks', chunks })
  }
}

function send(message: WorkerMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()))
  })
}
