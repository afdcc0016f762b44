import { afterAll, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostileDocuments } from '../../support/documents/hostile.ts'
import { openReading } from '../../support/extraction.ts'

const MIB = 1024 * 1024
const TIMEOUT_MS = 10_000
const MEMORY_MAX = 256 * MIB
/** Between two looks at it a process grows on. */
const MEMORY_SPARE = 32 * MIB

const reading = openReading({ slots: 2, timeoutMs: TIMEOUT_MS, memoryBytesMax: MEMORY_MAX })
afterAll(reading.close)

const before = new Set(readdirSync(tmpdir()))

/** Longest time of all, waiting for a place included. */
const most = { ms: 0, slowest: '' }
const mostBytes = (): number =>
  Math.max(
    ...reading.log.entries.map(({ event, fields }) => (event === 'document read' ? (fields as { memory_bytes: number }).memory_bytes : 0)),
  )

async function push(name: string, filename: string, content: () => Uint8Array): Promise<void> {
  const bytes = content()
  const began = performance.now()
  const answer = await reading.read(bytes, { filename, chunking: { tokensMax: 800, overlapTokens: 400 } }).catch((error: Error) => {
    // Starved by the tests beside this one.
    if (error.message === 'The machine was too busy to read the file.')
      return { ok: false as const, problem: 'invalid_file', message: error.message }
    throw new Error(`${name}: ${error.message}`)
  })
  if (!answer.ok) expect(['unsupported_file', 'invalid_file']).toContain(answer.problem)
  const ms = Math.round(performance.now() - began)
  if (ms > most.ms) Object.assign(most, { ms, slowest: name })
}

/** All of them take more than a minute: HOSTILE_ALL=1. Those beside each other in the list are of one kind. */
const EVERY = process.env.HOSTILE_ALL === '1' ? 1 : 3

test('documents made to do harm end, each within its time and memory, and harm nothing', async () => {
  const all = hostileDocuments()
  expect(new Set(all.map((document) => document.name)).size).toBe(all.length)
  expect(all.length).toBeGreaterThan(300)
  const documents = all.filter((_, index) => index % EVERY === 0)
  const atStart = process.memoryUsage.rss()
  // Two at a time, as a server would.
  const rest = documents.values()
  const worker = async (): Promise<void> => {
    for (const { name, filename, content } of rest) await push(name, filename, content)
  }
  await Promise.all([worker(), worker()])
  console.log(
    `${documents.length} hostile documents: longest ${most.ms} ms (${most.slowest}), most memory ${Math.round(mostBytes() / MIB)} MiB, server +${Math.round((process.memoryUsage.rss() - atStart) / MIB)} MiB`,
  )
  expect(most.ms).toBeLessThan(30_000)
  expect(mostBytes()).toBeLessThan(MEMORY_MAX + MEMORY_SPARE)
  expect(await reading.text('The next document is read as if nothing had been.')).toContain('as if nothing')
  // Every name in an archive that leads out of a folder ends so.
  const escaped = readdirSync(tmpdir()).filter((name) => !before.has(name) && name.includes('escaped'))
  expect(escaped).toEqual([])
  expect(existsSync(join(process.cwd(), 'escaped.txt'))).toBe(false)
  expect(readdirSync(reading.dir).flatMap((name) => readdirSync(join(reading.dir, name)))).toEqual([])
}, 900_000)
