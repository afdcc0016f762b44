import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostileDocuments } from '../../../support/documents/hostile.ts'
import { eventually } from '../../../support/eventually.ts'
import { childrenOf, openReading, type Reading } from '../../../support/extraction.ts'

const VERB = 'extract-worker'
const open: Reading[] = []
afterAll(() => Promise.all(open.map((reading) => reading.close())))

function opened(config: Parameters<typeof openReading>[0] = {}): Reading {
  const reading = openReading(config)
  open.push(reading)
  return reading
}

const hostile = (name: string): Uint8Array =>
  hostileDocuments()
    .find((document) => document.name === name)
    ?.content() ?? new Uint8Array()
const ENDLESS = hostile('PDF with states saved a million deep')
/** Takes long, and can be read. */
const LONG = 'The delivery takes place within ten working days after payment. '.repeat(80_000)

/** Our processes are told from those of other tests by their folder. */
const workersOf = (reading: Reading): number[] =>
  childrenOf(process.pid, VERB).filter((pid) => linkOf(`/proc/${pid}/cwd`).startsWith(reading.dir))

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Whether the process has a document open. */
function isReading(pid: number, reading: Reading): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`).startsWith(reading.dir))
  } catch {
    return false
  }
}

const spooled = (reading: Reading): string[] => {
  try {
    return readdirSync(reading.dir).flatMap((name) => readdirSync(join(reading.dir, name)))
  } catch {
    return []
  }
}

const busyWorker = (reading: Reading): Promise<number> =>
  eventually(() => workersOf(reading).find((pid) => isReading(pid, reading)), 30_000)

describe.skipIf(process.platform !== 'linux')('limits', () => {
  test('a document that takes too long is ended, and the next is read', async () => {
    const reading = opened({ timeoutMs: 2000 })
    await reading.text('warm')
    const began = performance.now()
    // On a machine that lets it starve it is not the document's fault; then it is told so.
    const answer = await reading.refusal(ENDLESS).catch(String)
    expect([
      'invalid_file: The file cannot be read: it took more than 2 s.',
      'Fault: The machine was too busy to read the file.',
    ]).toContain(answer)
    expect(performance.now() - began).toBeLessThan(10_000)
    expect(await reading.text('still here')).toBe('still here')
    expect(spooled(reading)).toEqual([])
  })

  test('a document that needs too much memory is ended, and the next is read', async () => {
    const reading = opened({ memoryBytesMax: 100 * 1024 * 1024 })
    expect(await reading.refusal(hostile('PDF with a content stream that unpacks to 400 MiB'))).toBe(
      'invalid_file: The file cannot be read: it needed more than 100 MiB of memory.',
    )
    expect(await reading.text('still here')).toBe('still here')
  })

  test('a process that ends by itself is replaced, and its document read again', async () => {
    const reading = opened()
    await reading.text('warm')
    const [idle] = workersOf(reading)
    const text = reading.text(LONG)
    const pid = await busyWorker(reading)
    process.kill(pid, 'SIGKILL')
    expect((await text).length).toBe(LONG.length - 1)
    expect(pid).toBe(idle ?? 0)
    expect(reading.log.count('process that reads documents ended by itself')).toBe(1)
  })

  test('a document that ends its process twice is refused', async () => {
    const reading = opened()
    await reading.text('warm')
    const refusal = reading.refusal(LONG)
    const first = await busyWorker(reading)
    process.kill(first, 'SIGKILL')
    await eventually(() => (existsSync(`/proc/${first}`) ? undefined : true))
    process.kill(await busyWorker(reading), 'SIGKILL')
    expect(await refusal).toBe('invalid_file: The file cannot be read: it twice ended the process that read it.')
  })

  test('an aborted request ends its process and leaves nothing', async () => {
    const reading = opened()
    const abort = new AbortController()
    const answer = reading.read(ENDLESS, { signal: abort.signal })
    const pid = await busyWorker(reading)
    abort.abort()
    expect(await answer.catch((error: Error) => error.name)).toBe('AbortError')
    expect(spooled(reading)).toEqual([])
    await eventually(() => (existsSync(`/proc/${pid}`) ? undefined : true))
  })

  test('no more processes than slots are at work', async () => {
    const reading = opened({ slots: 2 })
    let most = 0
    const texts = Promise.all(Array.from({ length: 12 }, (_, i) => reading.text(`text ${i} ${'word '.repeat(5000)}`)))
    const watch = setInterval(() => {
      most = Math.max(most, workersOf(reading).length)
    }, 20)
    expect((await texts).length).toBe(12)
    clearInterval(watch)
    expect(most).toBeLessThanOrEqual(2)
    expect(workersOf(reading).length).toBeGreaterThan(0)
  })

  test('after close nothing is left and nothing is read', async () => {
    const reading = openReading()
    const answer = reading.read(ENDLESS).catch((error: Error) => error.message)
    const pid = await busyWorker(reading)
    await reading.close()
    expect(await answer).toBe('The server is stopping.')
    expect(existsSync(`/proc/${pid}`)).toBe(false)
    expect(existsSync(reading.dir)).toBe(false)
    expect(await reading.read('text').catch((error: Error) => error.message)).toBe('The server is stopping.')
  })

  test('what a killed server left behind is removed, what a living one uses is not', async () => {
    const reading = opened()
    const dead = Bun.spawn(['true'])
    await dead.exited
    const [orphan, living] = [`${dead.pid}-a`, `${process.ppid}-b`].map((name) => join(reading.dir, name))
    for (const folder of [orphan, living]) {
      mkdirSync(folder ?? '', { recursive: true })
      writeFileSync(join(folder ?? '', 'file'), 'left behind')
    }
    await reading.text('text')
    expect(existsSync(orphan ?? '')).toBe(false)
    expect(existsSync(living ?? '')).toBe(true)
  })

  test('a file lies where only we can read it', async () => {
    const reading = opened()
    const answer = reading.text(LONG)
    await busyWorker(reading)
    const [folder] = readdirSync(reading.dir)
    const [name] = spooled(reading)
    expect(statSync(join(reading.dir, folder ?? '')).mode & 0o777).toBe(0o700)
    expect(statSync(join(reading.dir, folder ?? '', name ?? '')).mode & 0o777).toBe(0o600)
    await answer
  })
})
