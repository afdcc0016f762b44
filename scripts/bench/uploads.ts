import { readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Config, readConfig } from '../../src/config.ts'
import { newId } from '../../src/core/id.ts'
import { openFiles } from '../../src/drivers/files/files.ts'
import type { ObjectKey } from '../../src/drivers/files/port.ts'
import { hasS3, s3Settings, stopS3Server } from '../../test/support/s3-server.ts'

// What one large object costs in memory, for each adapter of the files port; see README.md. Linux only.

/** Of MB = 10^6 bytes, what a process may grow while an object passes. */
const GATE_MB = 150
const CHUNK_BYTES = 65_536
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

interface Task {
  config: Config['files']
  dir: string
  key: ObjectKey
  bytes: number
  verb: 'put' | 'read'
}

interface Cost {
  /** Largest resident size since the start of the process, less what it was before the object. */
  grownMb: number
  seconds: number
}

const statusMb = (field: string): number =>
  (Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024) / 1e6

async function* source(bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += CHUNK_BYTES) yield new Uint8Array(Math.min(CHUNK_BYTES, bytes - at)).fill(at / CHUNK_BYTES)
}

/** In a process of its own, whose peak is that of this one task. */
async function perform({ config, dir, key, bytes, verb }: Task): Promise<Cost> {
  const files = openFiles(config, { dir, log: silent, clock: { now: () => Date.now() } })
  // The code is loaded and the connection open before the memory is read.
  await files.check()
  const before = statusMb('VmRSS')
  const began = performance.now()
  if (verb === 'put') await files.put(key, source(bytes), { bytesMax: bytes })
  else {
    let read = 0
    for await (const chunk of await files.read(key)) read += chunk.byteLength
    if (read !== bytes) throw new Error(`Read ${read} bytes of ${bytes}.`)
  }
  const seconds = (performance.now() - began) / 1000
  await files.close()
  return { grownMb: statusMb('VmHWM') - before, seconds }
}

async function inChild(task: Task): Promise<Cost> {
  const child = Bun.spawn([process.execPath, import.meta.path, '--task', JSON.stringify(task)], { stdout: 'pipe', stderr: 'inherit' })
  const output = await new Response(child.stdout).text()
  if ((await child.exited) !== 0) throw new Error(`The ${task.verb} failed.`)
  return JSON.parse(output) as Cost
}

async function measure(name: string, task: Omit<Task, 'verb'>): Promise<boolean> {
  let isWithin = true
  for (const verb of ['put', 'read'] as const) {
    const { grownMb, seconds } = await inChild({ ...task, verb })
    isWithin &&= grownMb < GATE_MB
    const speed = (task.bytes / 1e6 / seconds).toFixed(0)
    console.log(
      `${name.padEnd(6)} ${verb.padEnd(5)} ${(task.bytes / 1e6).toFixed(0)} MB: peak memory +${grownMb.toFixed(0)} MB, ${speed} MB/s`,
    )
  }
  return isWithin
}

async function main(bytes: number): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'tetraport-uploads-'))
  try {
    const { files } = readConfig({}).config
    const task = { dir, bytes, key: { tenantId: newId(), id: newId() } }
    const outcomes = [await measure('local', { ...task, config: { ...files, diskReserveBytes: 0 } })]
    if (hasS3('the S3 adapter')) outcomes.push(await measure('s3', { ...task, config: { ...files, ...(await s3Settings()) } }))
    console.log(outcomes.every(Boolean) ? `gate ${GATE_MB} MB: met` : `gate ${GATE_MB} MB: missed`)
  } finally {
    await stopS3Server()
    rmSync(dir, { recursive: true, force: true })
  }
}

const { values } = parseArgs({ options: { mb: { type: 'string', default: '500' }, task: { type: 'string' } } })
if (values.task === undefined) await main(Number(values.mb) * 1e6)
else console.log(JSON.stringify(await perform(JSON.parse(values.task))))
