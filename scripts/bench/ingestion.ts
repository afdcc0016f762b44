import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readConfig } from '../../src/config.ts'
import { openExtraction } from '../../src/drivers/extraction/extraction.ts'
import { openModels } from '../../src/drivers/models/models.ts'
import { dropFolder, endAll, KEY, startStub, startTested, temporaryFolder, testedProgram } from './children.ts'
import { createAssistant, createConversation } from './client.ts'
import { smallFile } from './small-files.ts'
import { framesOf } from './sse.ts'
import { percentile, rounded } from './statistics.ts'

// Many small files ingested while chat streams run: how long it takes, and what the streams feel of it; see README.md.

/** What no stream may stand still for. */
const GATE_MS = 250
const MODEL = 'scripted/t400-d10'
const UPLOADS_AT_ONCE = 4
const BATCH_FILES = 500
const QUIET_MS = 5_000
const POLL_MS = 250
const TIME_MAX_MS = 30 * 60_000

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '1000' },
    streams: { type: 'string', default: '8' },
    executable: { type: 'string', default: 'dist/tetraport' },
    sources: { type: 'boolean', default: false },
  },
})
const count = Number(values.files)
const progress = (text: string): void => console.error(text)

interface Target {
  url: string
  signal: AbortSignal
}

const HEADERS = { authorization: `Bearer ${KEY}` }

async function call<T>({ url, signal }: Target, path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(url + path, { ...init, headers: { ...HEADERS, ...init.headers }, signal })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${(await response.text()).slice(0, 200)}`)
  return (await response.json()) as T
}

const post = <T>(target: Target, path: string, body: object): Promise<T> =>
  call<T>(target, path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })

/** Silences of one stream after another, until it is told to end. */
async function watchStreams(
  target: Target,
  { assistant, stopped }: { assistant: string; stopped: () => boolean },
  gaps: number[],
): Promise<void> {
  const headers = { ...HEADERS, 'content-type': 'application/json', 'openai-beta': 'assistants=v2' }
  while (!stopped()) {
    const thread = await createConversation(target)
    const body = JSON.stringify({ assistant_id: assistant, stream: true })
    const response = await fetch(`${target.url}/v1/threads/${thread}/runs`, { method: 'POST', headers, body, signal: target.signal })
    let last: number | undefined
    for await (const frames of framesOf(response)) {
      if (!frames.some((frame) => frame.includes('event: thread.message.delta\n'))) continue
      const now = performance.now()
      if (last !== undefined) gaps.push(now - last)
      last = now
    }
  }
}

async function uploadAll(target: Target): Promise<string[]> {
  const ids: string[] = []
  const left = Array.from({ length: count }, (_, n) => n).values()
  const work = async (): Promise<void> => {
    for (const n of left) {
      const { name, content } = smallFile(n)
      const body = new FormData()
      body.append('purpose', 'assistants')
      body.append('file', new File([content], name))
      ids.push((await call<{ id: string }>(target, '/v1/files', { method: 'POST', body })).id)
    }
  }
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, work))
  return ids
}

interface Counts {
  in_progress: number
  completed: number
  failed: number
}

async function ingestAll(target: Target, ids: string[]): Promise<{ ms: number; counts: Counts }> {
  const began = performance.now()
  const store = await post<{ id: string }>(target, '/v1/vector_stores', { name: 'bench' })
  for (let at = 0; at < ids.length; at += BATCH_FILES)
    await post(target, `/v1/vector_stores/${store.id}/file_batches`, { file_ids: ids.slice(at, at + BATCH_FILES) })
  for (;;) {
    const { file_counts: counts } = await call<{ file_counts: Counts }>(target, `/v1/vector_stores/${store.id}`)
    if (counts.in_progress === 0) return { ms: performance.now() - began, counts }
    await Bun.sleep(POLL_MS)
  }
}

/** The same files in a plain loop that keeps nothing: text out of them, chunks, vectors. */
async function bruteForce(): Promise<number> {
  const { config } = readConfig({})
  const dir = mkdtempSync(join(tmpdir(), 'tetraport-bench-'))
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
  const extraction = openExtraction(config.ingest, { dir, log })
  const models = openModels(config.models, { log })
  const signal = AbortSignal.timeout(TIME_MAX_MS)
  const chunking = { tokensMax: 800, overlapTokens: 400 }
  const began = performance.now()
  try {
    for (let n = 0; n < count; n++) {
      const { name, content } = smallFile(n)
      const request = { content: new Blob([content]).stream(), filename: name, mediaType: 'application/octet-stream', chunking, signal }
      const extracted = await extraction.extract(request)
      if (!extracted.ok) throw new Error(`${name}: ${extracted.message}`)
      await models.embed({ model: config.vectors.embeddingModel, input: extracted.chunks.map(({ text }) => text) }, signal)
    }
    return performance.now() - began
  } finally {
    await extraction.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

const told = (gaps: number[]) => ({ deltas: gaps.length, p99Ms: rounded(percentile(gaps, 99)), longestMs: rounded(Math.max(0, ...gaps)) })

async function measure(): Promise<void> {
  const dir = temporaryFolder()
  const stub = await startStub()
  const server = await startTested(testedProgram({ executable: values.executable, sources: values.sources }), join(dir, 'data'), stub)
  const target: Target = { url: server.url, signal: AbortSignal.timeout(TIME_MAX_MS) }
  const assistant = await createAssistant(target, MODEL)
  const gaps: number[] = []
  let stopped = false
  const streams = Array.from({ length: Number(values.streams) }, () => watchStreams(target, { assistant, stopped: () => stopped }, gaps))
  // The streams' own silences, before anything else is to be done; what came first is warming up.
  await Bun.sleep(QUIET_MS)
  gaps.length = 0
  await Bun.sleep(QUIET_MS)
  const quiet = told(gaps.splice(0))
  progress(`uploading ${count} files`)
  const began = performance.now()
  const ids = await uploadAll(target)
  const uploading = told(gaps.splice(0))
  const uploadMs = performance.now() - began
  progress(`ingesting, ${Math.round(uploadMs / 1000)} s later`)
  const { ms: ingestMs, counts } = await ingestAll(target, ids)
  const ingesting = told(gaps.splice(0))
  stopped = true
  await Promise.all(streams)
  await server.stop()
  await stub.stop()
  dropFolder(dir)
  progress('the same without a server')
  const bruteMs = await bruteForce()
  const report = {
    ...{ files: count, streams: Number(values.streams), counts },
    seconds: { upload: rounded(uploadMs / 1000), ingestion: rounded(ingestMs / 1000), bruteForce: rounded(bruteMs / 1000) },
    filesPerMinute: { ingestion: Math.round((count / ingestMs) * 60_000), bruteForce: Math.round((count / bruteMs) * 60_000) },
    ratioToBruteForce: rounded(ingestMs / bruteMs),
    gaps: { quiet, uploading, ingesting },
    gate: { longestMs: GATE_MS, kept: Math.max(uploading.longestMs, ingesting.longestMs) <= GATE_MS },
  }
  console.log(JSON.stringify(report, null, 2))
  if (counts.completed !== count) throw new Error(`${count - counts.completed} files were not ingested`)
}

try {
  await measure()
} finally {
  await endAll()
}
