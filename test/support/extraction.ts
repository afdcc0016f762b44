import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, readConfig } from '../../src/config.ts'
import { openExtraction } from '../../src/drivers/extraction/extraction.ts'
import type { Chunking, Extracted } from '../../src/drivers/extraction/port.ts'
import { RecordedLog } from './app.ts'

export interface ReadOptions {
  filename?: string
  mediaType?: string
  chunking?: Chunking
  signal?: AbortSignal
}

export interface Reading {
  log: RecordedLog
  /** The data folder's part for documents. */
  dir: string
  read(content: string | Uint8Array, options?: ReadOptions): Promise<Extracted>
  /** All text of a document that can be read. */
  text(content: string | Uint8Array, options?: ReadOptions): Promise<string>
  /** Text of an answer that must be a refusal: `problem: message`. */
  refusal(content: string | Uint8Array, options?: ReadOptions): Promise<string>
  close(): Promise<void>
}

const WHOLE: Chunking = { tokensMax: 4096, overlapTokens: 0 }

/** A real extraction with real processes, on a folder of its own. */
export function openReading(config: Partial<Config['ingest']> = {}): Reading {
  const dir = mkdtempSync(join(tmpdir(), 'tetraport-reading-'))
  const log = new RecordedLog()
  // Generous: these tests share the machine with many others.
  const ingest = { ...readConfig({}).config.ingest, timeoutMs: 60_000, ...config }
  const extraction = openExtraction(ingest, { dir: join(dir, 'extraction'), log })
  const read: Reading['read'] = (content, { filename = 'file', mediaType = '', chunking = WHOLE, signal } = {}) =>
    extraction.extract({ content: new Blob([content]).stream(), filename, mediaType, chunking, ...(signal && { signal }) })
  return {
    log,
    dir: join(dir, 'extraction'),
    read,
    async text(content, options) {
      const answer = await read(content, options)
      if (!answer.ok) throw new Error(`${answer.problem}: ${answer.message}`)
      return answer.chunks.map((chunk) => chunk.text).join('')
    },
    async refusal(content, options) {
      const answer = await read(content, options)
      if (answer.ok) throw new Error(`It was read: ${answer.type}`)
      return `${answer.problem}: ${answer.message}`
    },
    async close() {
      await extraction.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Processes that `pid` started and that run, by what stands in their command line. */
export function childrenOf(pid: number, word: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => {
      try {
        const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${child}/status`, 'latin1'))?.[1]
        return Number(parent) === pid && readFileSync(`/proc/${child}/cmdline`, 'latin1').includes(word)
      } catch {
        return false
      }
    })
}
