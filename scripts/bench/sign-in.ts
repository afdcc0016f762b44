import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openPasswords } from '../../src/core/passwords/hashing.ts'
import { dropFolder, endAll, KEY, startStub, startTested, temporaryFolder, testedProgram } from './children.ts'
import { createAssistant, createConversation } from './client.ts'
import { framesOf } from './sse.ts'
import { median, percentile, rounded } from './statistics.ts'

// Many people sign in at once while streams run: how many a second, and what the streams feel of it; see README.md.

/** What sign-ins may add to the longest silence of a stream. */
const GATE_MS = 100
const MODEL = 'scripted/t400-d10'
const EMAIL = 'bench@example.org'
const PASSWORD = 'plain old teapot 7'
const TIME_MAX_MS = 10 * 60_000
const WARM_MS = 4_000

const { values } = parseArgs({
  options: {
    people: { type: 'string', default: '20' },
    streams: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    duration: { type: 'string', default: '4000' },
    hashes: { type: 'string' },
    executable: { type: 'string', default: 'dist/tetraport' },
    sources: { type: 'boolean', default: false },
  },
})
const people = Number(values.people)
const durationMs = Number(values.duration)

interface Target {
  url: string
  signal: AbortSignal
}

/** Silences of one stream after another, until it is told to end. */
async function watchStreams(target: Target, { stopped, gaps }: { stopped: () => boolean; gaps: number[] }): Promise<void> {
  const assistant = await createAssistant(target, MODEL)
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'openai-beta': 'assistants=v2' }
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

async function signIn({ url, signal }: Target): Promise<void> {
  const body = JSON.stringify({ email: EMAIL, password: PASSWORD })
  const init = { method: 'POST', body, headers: { 'content-type': 'application/json' }, signal }
  const response = await fetch(`${url}/api/v1/auth/token`, init)
  const answer = (await response.json()) as { access_token?: string }
  if (!response.ok || !answer.access_token) throw new Error(`${response.status}: ${JSON.stringify(answer).slice(0, 200)}`)
}

/** Everybody signs in again and again, `people` at any moment. Answers what each took. */
async function signInAll(target: Target): Promise<number[]> {
  const times: number[] = []
  const endAt = performance.now() + durationMs
  const work = async (): Promise<void> => {
    while (performance.now() < endAt) {
      const began = performance.now()
      await signIn(target)
      times.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: people }, work))
  return times
}

/** Comparisons a second without a server, one after the other. */
async function floor(): Promise<number> {
  const passwords = openPasswords({ atOnce: 1 })
  const hash = await passwords.hash(PASSWORD)
  const began = performance.now()
  let count = 0
  for (; performance.now() - began < durationMs; count++) await passwords.verify(PASSWORD, hash)
  return (count / (performance.now() - began)) * 1000
}

const longest = (gaps: number[]): number => Math.max(0, ...gaps)

interface Round {
  rate: number
  p50Ms: number
  p99Ms: number
  quiet: number[]
  busy: number[]
}

async function visit(target: Target, gaps: number[]): Promise<Round> {
  gaps.length = 0
  await Bun.sleep(durationMs)
  const quiet = gaps.splice(0)
  const began = performance.now()
  const times = await signInAll(target)
  const rate = (times.length / (performance.now() - began)) * 1000
  const busy = gaps.splice(0)
  return { rate, p50Ms: median(times), p99Ms: percentile(times, 99), quiet, busy }
}

async function measure(): Promise<void> {
  const dir = temporaryFolder()
  const passwordFile = join(dir, 'password')
  writeFileSync(passwordFile, PASSWORD)
  const stub = await startStub()
  const settings = {
    TETRAPORT_ADMIN_EMAIL: EMAIL,
    TETRAPORT_ADMIN_PASSWORD_FILE: passwordFile,
    ...(values.hashes === undefined ? {} : { TETRAPORT_AUTH_HASHES_AT_ONCE: values.hashes }),
  }
  const program = testedProgram({ executable: values.executable, sources: values.sources })
  const server = await startTested({ ...program, settings }, join(dir, 'data'), stub)
  const target: Target = { url: server.url, signal: AbortSignal.timeout(TIME_MAX_MS) }
  const floors = [await floor()]
  const gaps: number[] = []
  let stopped = false
  const watch = { stopped: () => stopped, gaps }
  const streams = Array.from({ length: Number(values.streams) }, () => watchStreams(target, watch))
  await signIn(target)
  await Bun.sleep(WARM_MS)
  const rounds: Round[] = []
  for (let n = 0; n < Number(values.rounds); n++) rounds.push(await visit(target, gaps))
  stopped = true
  await Promise.all(streams)
  floors.push(await floor())
  await server.stop()
  await stub.stop()
  dropFolder(dir)
  tell(rounds, median(floors))
}

function tell(rounds: readonly Round[], floorRate: number): void {
  const added = rounds.map(({ quiet, busy }) => longest(busy) - longest(quiet))
  const over = (of: (round: Round) => number): number => rounded(median(rounds.map(of)))
  const report = {
    ...{ people, streams: Number(values.streams), rounds: rounds.length, hashesAtOnce: values.hashes ?? 'default' },
    signIns: { perSecond: over(({ rate }) => rate), p50Ms: over(({ p50Ms }) => p50Ms), p99Ms: over(({ p99Ms }) => p99Ms) },
    comparisonsPerSecondAlone: rounded(floorRate),
    ratioToComparisonsAlone: over(({ rate }) => rate / floorRate),
    longestSilenceMs: {
      ...{ quiet: over(({ quiet }) => longest(quiet)), withSignIns: over(({ busy }) => longest(busy)) },
      ratio: over(({ quiet, busy }) => longest(busy) / longest(quiet)),
      added: { median: rounded(median(added)), most: rounded(Math.max(...added)) },
    },
    p99SilenceMs: { quiet: over(({ quiet }) => percentile(quiet, 99)), withSignIns: over(({ busy }) => percentile(busy, 99)) },
    gate: { addedMs: GATE_MS, kept: Math.max(...added) <= GATE_MS },
  }
  console.log(JSON.stringify(report, null, 2))
}

try {
  await measure()
} finally {
  await endAll()
}
