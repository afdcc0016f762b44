import { afterAll, expect, test } from 'bun:test'
import { StrengthMeter } from '../../../src/core/passwords/strength-meter.ts'
import { eventually } from '../../support/eventually.ts'

/** Threads that do what a test says instead of measuring. */
const urls: string[] = []
afterAll(() => {
  for (const url of urls) URL.revokeObjectURL(url)
})
function threadOf(source: string): () => Promise<Worker> {
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
  urls.push(url)
  return async () => new Worker(url)
}
const STRONG = 'self.postMessage({ call: data.call, strength: { guessesLog10: 99, advice: [] } })'
const ASKED = { password: 'correct horse battery staple', hints: [] }

test('nothing is loaded before the first password, and the thread goes when nobody asks', async () => {
  const meter = new StrengthMeter({ idleMs: 20 })
  expect(meter.isOpen).toBe(false)
  const asked = meter.measure(ASKED)
  expect(meter.isOpen).toBe(true)
  expect((await asked).guessesLog10).toBeGreaterThan(13)
  await eventually(() => !meter.isOpen || undefined)
  expect((await meter.measure({ password: 'Password1234567', hints: [] })).guessesLog10).toBeLessThan(6)
})

test('answers find those who asked', async () => {
  const meter = new StrengthMeter()
  const passwords = ['Password1234567', ASKED.password, 'aaaaaaaaaaaaaaaaaaa1', 'Jk8-sunny-gate-12']
  const strengths = await Promise.all(passwords.map((password) => meter.measure({ password, hints: [] })))
  expect(strengths.map(({ guessesLog10 }) => guessesLog10 > 10)).toEqual([false, true, false, true])
})

test('the words of the person count', async () => {
  const meter = new StrengthMeter()
  const guesses = async (hints: string[]): Promise<number> => (await meter.measure({ password: 'xanthippe-quy-81', hints })).guessesLog10
  expect(await guesses([])).toBeGreaterThan(13)
  expect(await guesses(['xanthippe-quy-81'])).toBeLessThan(1)
})

test('while the longest of the worst passwords is looked at, this thread does other things', async () => {
  const meter = new StrengthMeter()
  let isDone = false
  const asked = meter.measure({ password: '4@1!|$5073'.repeat(26).slice(0, 256), hints: [] }).finally(() => {
    isDone = true
  })
  let turns = 0
  while (!isDone) {
    turns++
    await Bun.sleep(1)
  }
  await asked
  expect(turns).toBeGreaterThan(10)
})

test('a thread that fails takes nobody along: who asked is told, the next one is served', async () => {
  const start = threadOf(`let n = 0; self.onmessage = ({ data }) => { throw new Error('broken') }`)
  let started = 0
  const good = threadOf(`self.onmessage = ({ data }) => ${STRONG}`)
  const meter = new StrengthMeter({ start: () => (started++ === 0 ? start() : good()) })
  const [first, second] = await Promise.allSettled([meter.measure(ASKED), meter.measure(ASKED)])
  for (const result of [first, second]) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } })
  expect((await meter.measure(ASKED)).guessesLog10).toBe(99)
})

test('a thread that cannot start, ends or falls silent is told, and replaced', async () => {
  const starts = [
    () => Promise.reject(new Error('no memory')),
    threadOf('self.onmessage = () => process.exit(0)'),
    threadOf('self.onmessage = () => {}'),
    threadOf(`self.onmessage = ({ data }) => ${STRONG}`),
  ]
  const meter = new StrengthMeter({ start: () => (starts.shift() as () => Promise<Worker>)(), silenceMs: 300 })
  for (let n = 0; n < 3; n++) {
    const fault = await meter.measure(ASKED).catch((error) => error)
    expect(fault).toMatchObject({ code: 'unavailable' })
    expect(JSON.stringify([fault.message, String(fault.cause)])).not.toContain('horse')
  }
  expect((await meter.measure(ASKED)).guessesLog10).toBe(99)
})

test('more than may wait are refused at once', async () => {
  const meter = new StrengthMeter({ start: threadOf('self.onmessage = () => {}'), silenceMs: 300 })
  const asked = Array.from({ length: 100 }, () => meter.measure(ASKED).catch((error) => error.message))
  expect(meter.measure(ASKED)).rejects.toMatchObject({ code: 'unavailable', message: 'Too many people choose a password at this moment.' })
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['The password could not be checked. Try again.']))
})
