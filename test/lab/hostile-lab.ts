import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HostileDocument } from '../support/documents/hostile.ts'
import { bytesOf, inMib, MemoryWatch } from './hostile-memory.ts'
import { listPlaces, makePlaces, type Places, strayPaths } from './hostile-places.ts'
import { GAP_MS, type ProbeFacts, Probes } from './hostile-probes.ts'
import { HostileStore } from './hostile-store.ts'
import { AttemptWatch, type LogFacts, readLog } from './hostile-times.ts'
import { HostileUploads, type MadeDocument, type UploadFacts } from './hostile-uploads.ts'
import { embeddedStore, type Store } from './postgres.ts'
import { type ServerProcess, startServer } from './server-process.ts'

export interface HostileLabOptions {
  documents: readonly HostileDocument[]
  /** Whether a document that took too long is a violation; a goal that was missed otherwise, as on a machine with other work. */
  timed: boolean
  progress?: (text: string) => void
  /** For the test of the checker: breaks something before it looks. */
  sabotage?: (places: Places) => void
}

export interface HostileLabReport {
  documents: number
  uploads: UploadFacts
  /** Files of each end; of those that failed, by the code of the reason too. */
  ended: Record<string, number>
  /** Milliseconds from the begin of a document's last attempt to its end; to within 50. */
  slowest: [document: string, ms: number][]
  /** As the server's log has it. */
  readings: { n: number; longestMs: number; mostMib: number }
  /** Processes that read documents, from outside: most beyond `restMib`, and most that one document added to what was there. */
  readers: { n: number; restMib: number; mostMib: number; mostOfOneMib: number }
  server: { restMib: number; mostMib: number }
  calls: ProbeFacts['calls']
  streams: ProbeFacts['streams']
  warnings: LogFacts['warnings']
  /** Goals that were missed: they depend on the machine. */
  missed: string[]
  seconds: number
  violations: string[]
}

const DOCUMENT_MS = 30_000
const READER_MIB = 256
const WARM_UP = 4
const SLOWEST = 5
const STOP_MS = 30_000

/** Documents made to do harm, through a whole server, beside clients who must not notice. */
export async function runHostileLab(options: HostileLabOptions): Promise<HostileLabReport> {
  const since = performance.now()
  const store = embeddedStore()
  try {
    const places = makePlaces(store.dir)
    const made = makeDocuments(options.documents, join(store.dir, 'documents'))
    options.progress?.(`${made.length} documents are made`)
    const log = join(store.dir, 'server.log')
    const env = { ...store.env, ...places.env, TETRAPORT_LOG_LEVEL: 'debug', TETRAPORT_LOG_FORMAT: 'json' }
    const server = await startServer(env, log, places.cwd)
    try {
      const findings = await observe({ server, made, places, store }, options)
      return report(options, { ...findings, log: readLog(readFileSync(log, 'utf8')), since })
    } catch (cause) {
      throw new Error(`The course was not finished. The end of the server's log:\n${readFileSync(log, 'utf8').slice(-2000)}`, { cause })
    } finally {
      server.signal('SIGKILL')
      await server.exited
    }
  } finally {
    await store.remove()
  }
}

function makeDocuments(documents: readonly HostileDocument[], dir: string): MadeDocument[] {
  mkdirSync(dir)
  return documents.map(({ name, filename, content }, index) => {
    const path = join(dir, String(index))
    writeFileSync(path, content())
    return { name, filename, path }
  })
}

interface Ground {
  server: ServerProcess
  made: readonly MadeDocument[]
  places: Places
  store: Store
}

interface Findings {
  uploads: HostileUploads
  probes: ProbeFacts
  files: FileFacts
  readers: HostileLabReport['readers']
  server: HostileLabReport['server']
  violations: string[]
}

async function observe({ server, made, places, store }: Ground, options: HostileLabOptions): Promise<Findings> {
  const violations: string[] = []
  const complain = (violation: string): void => void violations.push(violation)
  const memory = new MemoryWatch(server.pid)
  let ended: number | undefined
  void server.exited.then((code) => {
    ended = code
  })
  const shelf = await HostileStore.open(server.url)
  // Then every part of the server that documents need is there, and rests.
  await shelf.bringSound(WARM_UP)
  const rest = { reader: memory.rest(), server: bytesOf(server.pid, 'VmRSS') ?? 0 }
  const before = listPlaces(places)
  const records = await store.look()
  const attempts = new AttemptWatch(records)
  const probes = new Probes(server.url, pathsToAsk(shelf), complain)
  const uploads = new HostileUploads(server.url, shelf.id, complain)
  await bringAll(uploads, { made, shelf, progress: options.progress })
  await probes.stop()
  const times = await attempts.stop()
  await records.close()
  const files = checkFiles(await shelf.files(), { uploads, times, complain })
  await shelf.bringSound(1)
  if (ended !== undefined) complain(`the server ended with code ${ended}`)
  const serverPeak = bytesOf(server.pid, 'VmHWM') ?? 0
  memory.stop()
  const readers = [...memory.readers.values()]
  server.signal('SIGTERM')
  const code = await Promise.race([server.exited, Bun.sleep(STOP_MS).then(() => 'none')])
  if (code !== 0) complain(`the server ended with code ${code} after SIGTERM`)
  options.sabotage?.(places)
  violations.push(...strayPaths(before, listPlaces(places)))
  return {
    ...{ uploads, files, probes: probes.facts, violations },
    readers: {
      n: readers.length,
      restMib: inMib(rest.reader),
      mostMib: inMib(Math.max(0, ...readers.map(({ peak }) => peak - rest.reader))),
      mostOfOneMib: inMib(Math.max(0, ...readers.map(({ growth }) => growth))),
    },
    server: { restMib: inMib(rest.server), mostMib: inMib(serverPeak) },
  }
}

const pathsToAsk = ({ path }: HostileStore): string[] =>
  ['/v1/files?limit=100', '/v1/vector_stores', `${path}/files?limit=100`].flatMap((list) => ['/health/ready', list])

interface Bringing {
  made: readonly MadeDocument[]
  shelf: HostileStore
  progress: HostileLabOptions['progress']
}

/** Documents are read while others are still uploaded. */
async function bringAll(uploads: HostileUploads, { made, shelf, progress }: Bringing): Promise<void> {
  let brought = false
  let told = 0
  const tell = (ended: number): void => {
    if (ended - told < 50) return
    told = ended
    progress?.(`${ended} documents have ended`)
  }
  const bringing = uploads.bring(made).finally(() => {
    brought = true
  })
  await Promise.all([bringing, shelf.settled(() => brought, tell)])
}

interface FileFacts {
  ended: Record<string, number>
  slowest: HostileLabReport['slowest']
}

interface Known {
  uploads: HostileUploads
  times: Map<string, number>
  complain(violation: string): void
}

const REASONS = ['unsupported_file', 'invalid_file']

/** Every document that was taken came to an end, and one that failed says why. */
function checkFiles(files: Awaited<ReturnType<HostileStore['files']>>, { uploads, times, complain }: Known): FileFacts {
  const ended: Record<string, number> = {}
  const count = (what: string): void => {
    ended[what] = (ended[what] ?? 0) + 1
  }
  const byId = new Map(files.map((file) => [file.id, file]))
  for (const [id, name] of uploads.attached) {
    const file = byId.get(id)
    count(file?.status ?? 'gone')
    if (file?.status === 'completed') continue
    const reason = file?.error?.code ?? 'no reason'
    count(`failed: ${reason}`)
    if (file?.status !== 'failed' || !REASONS.includes(reason) || !file.error?.message)
      complain(`${name}: ${file?.status ?? 'gone'}, ${JSON.stringify(file?.error)}`)
  }
  const slowest = [...times].map(([id, ms]): [string, number] => [uploads.attached.get(id) ?? 'a sound document', ms])
  return { ended, slowest: slowest.sort(([, a], [, b]) => b - a).slice(0, SLOWEST) }
}

function report(options: HostileLabOptions, found: Findings & { log: LogFacts; since: number }): HostileLabReport {
  const { uploads, probes, files, readers, server, log, violations } = found
  const missed: string[] = []
  for (const [document, ms] of files.slowest)
    if (ms > DOCUMENT_MS) (options.timed ? violations : missed).push(`${document}: ${ms} ms, more than ${DOCUMENT_MS}`)
  if (readers.mostMib > READER_MIB) violations.push(`a process that reads documents grew by ${readers.mostMib} MiB`)
  const { streams } = probes
  if (streams.longestGapMs > GAP_MS)
    missed.push(`${streams.overGoal} of ${streams.deltas} deltas came more than ${GAP_MS} ms after the one before`)
  return {
    ...{ documents: options.documents.length, uploads: uploads.facts, ...files },
    readings: { n: log.readings, longestMs: log.longestMs, mostMib: inMib(log.mostBytes) },
    ...{ readers, server, calls: probes.calls, streams, warnings: log.warnings, missed },
    seconds: Math.round((performance.now() - found.since) / 1000),
    violations,
  }
}
