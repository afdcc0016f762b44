import type { Config } from '../../config.ts'
import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import type { Extracted, Extraction, ExtractionRequest } from './port.ts'
import type { Outcome } from './process/document-reader.ts'
import { ReaderPool } from './process/reader-pool.ts'
import { Spool } from './process/spool.ts'

export interface ExtractionParts {
  /** Folder for what a document is while it is read; what others left in it is removed. */
  dir: string
  log: Log
}

const MIB = 1024 * 1024

/** Nothing is started and no folder is made before the first document. */
export function openExtraction(config: Config['ingest'], parts: ExtractionParts): Extraction {
  return new ProcessExtraction(config, parts)
}

class ProcessExtraction implements Extraction {
  private readonly spool: Spool
  private readonly pool: ReaderPool
  private closing: Promise<void> | undefined

  constructor(
    private readonly config: Config['ingest'],
    private readonly parts: ExtractionParts,
  ) {
    this.spool = new Spool(parts.dir, crypto.randomUUID())
    this.pool = new ReaderPool({ ...config, slots: Math.max(1, config.slots), cwd: this.spool.folder })
  }

  async extract(request: ExtractionRequest): Promise<Extracted> {
    const { content, signal } = request
    try {
      return await this.pool.use(() => this.readContent(request), signal)
    } catch (error) {
      if (!content.locked) await content.cancel().catch(() => undefined)
      signal?.throwIfAborted()
      throw error instanceof Fault ? error : new Fault('unavailable', 'The file could not be read for now.', { cause: error })
    }
  }

  close(): Promise<void> {
    this.closing ??= this.pool.close().then(() => this.spool.close())
    return this.closing
  }

  private async readContent(request: ExtractionRequest): Promise<Extracted> {
    await this.spool.open()
    const path = await this.spool.keep(request.content, crypto.randomUUID(), request.signal)
    try {
      const first = await this.read(path, request, false)
      // A process may end for a reason that is not in the document; twice it is not by chance.
      const outcome = first.is === 'died' ? await this.read(path, request, true) : first
      return this.answer(outcome)
    } finally {
      await this.spool.drop(path)
    }
  }

  private async read(path: string, { filename, mediaType, chunking, signal }: ExtractionRequest, fresh: boolean): Promise<Outcome> {
    const { tokensMax } = this.config
    const began = performance.now()
    const outcome = await this.pool.withReader((reader) => reader.read({ path, filename, mediaType, chunking, tokensMax }, signal), fresh)
    const { is, peakBytes } = outcome
    if (this.closing !== undefined && is === 'died') throw new Fault('unavailable', 'The server is stopping.')
    this.parts.log.debug('document read', {
      outcome: is,
      ms: Math.round(performance.now() - began),
      memory_bytes: peakBytes,
      type: is === 'text' ? outcome.type : undefined,
      chunks: is === 'text' ? outcome.chunks.length : undefined,
    })
    if (is === 'died') this.parts.log.warn('process that reads documents ended by itself', { retried: !fresh })
    return outcome
  }

  private answer(outcome: Outcome): Extracted {
    const { timeoutMs, memoryBytesMax } = this.config
    const invalid = (message: string): Extracted => ({ ok: false, problem: 'invalid_file', message })
    switch (outcome.is) {
      case 'text':
        return { ok: true, type: outcome.type, chunks: outcome.chunks }
      case 'problem':
        return { ok: false, problem: outcome.problem, message: outcome.message }
      case 'died':
        return invalid('The file cannot be read: it twice ended the process that read it.')
      case 'stopped':
        if (outcome.starved) throw new Fault('unavailable', 'The machine was too busy to read the file.')
        if (outcome.limit === 'time') return invalid(`The file cannot be read: it took more than ${timeoutMs / 1000} s.`)
        return invalid(`The file cannot be read: it needed more than ${Math.round(memoryBytesMax / MIB)} MiB of memory.`)
    }
  }
}
