import { afterAll, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostileDocuments } from '../../support/documents/hostile.ts'
import { openReading } from '../../support/extraction.ts'

const MIB = 1024 * 1024
const TIMEOUT_MS = 20_000
const MEMORY_MAX = 256 * MIB
/** Between two looks at it a process grows on. */
const MEMORY_SPARE = 32 * MIB

const reading = openReading({ slots: 2, timeoutMs: TIMEOUT_MS, memoryBytesMax: MEMORY_MAX })
afterAll(reading.close)

const before = new Set(readdirSync(tmpdir()))

/** Longest time and most memory of all, with their documents. */
const most = { ms: 0, slowest: '', bytes: 0, largest: '' }

async function push(name: string, filename: string, content: () => Uint8Array): Promise<void> {
  const bytes = content()
  const looked = reading.log.entries.length
  const answer = await reading.read(bytes, { filename, chunking: { tokensMax: 800, overlapTokens: 400 } }).catch((error: Error) => {
    // Starved by the tests beside this one.
    if (error.message === 'The machine was too busy to read the file.')
      return { ok: false as const, problem: 'invalid_file', message: error.message }
    throw new Error(`${name}: ${error.message}`)
  })
  if (!answer.ok) expect(['unsupported_file', 'invalid_file']).toContain(answer.problem)
  for (const { event, fields } of reading.log.entries.slice(looked)) {
    if (event !== 'document read') continue
    const { ms, memory_bytes } = fields as { ms: number; memory_bytes: number }
    if (ms > most.ms) Object.assign(most, { ms, slowest: name })
    if (memory_bytes > most.bytes) Object.assign(most, { bytes: memory_bytes, largest: name })
  }
}

test('some 400 documents made to do harm end, each within its time and memory, and harm nothing', async () => {
  const documents = hostileDocuments()
  expect(new Set(documents.map((document) => document.name)).size).toBe(documents.length)
  expect(documents.length).toBeGreaterThan(300)
  const atStart = process.memoryUsage.rss()
  for (const { name, filename, content } of documents) await push(name, filename, content)
  console.log(
    `${documents.length} hostile documents: longest ${most.ms} ms (${most.slowest}), most memory ${Math.round(most.bytes / MIB)} MiB (${most.largest}), server +${Math.round((process.memoryUsage.rss() - atStart) / MIB)} MiB`,
  )
  expect(most.ms).toBeLessThan(30_000)
  expect(most.bytes).toBeLessThan(MEMORY_MAX + MEMORY_SPARE)
  expect(await reading.text('The next document is read as if nothing had been.')).toContain('as if nothing')
  // Every name in an archive that leads out of a folder ends so.
  const escaped = readdirSync(tmpdir()).filter((name) => !before.has(name) && name.includes('escaped'))
  expect(escaped).toEqual([])
  expect(existsSync(join(process.cwd(), 'escaped.txt'))).toBe(false)
  expect(readdirSync(reading.dir).flatMap((name) => readdirSync(join(reading.dir, name)))).toEqual([])
}, 900_000)
