import { join } from 'node:path'
import { type Child, dropFolder, startTested, temporaryFolder } from './children.ts'
import { errorText } from './load.ts'
import type { Bench, LoneScenario } from './scenario.ts'

const NAME = 'cold start'
const POLL_MS = 1
const READY_MS = 60_000

/** From spawn to the first 200 of the readiness probe, ms. */
async function startOnce(bench: Bench, data: string): Promise<number> {
  const begin = performance.now()
  const ours = await startTested(bench.tested, data, bench.stub)
  try {
    await ready(ours, begin)
    return performance.now() - begin
  } finally {
    const code = await ours.stop()
    bench.measurements.count(NAME, 'ours', {
      operations: 1,
      errors: code === 0 ? 0 : 1,
      ...(code === 0 ? {} : { firstError: `ended with code ${code}` }),
    })
  }
}

async function ready({ url }: Child, begin: number): Promise<void> {
  while (performance.now() - begin < READY_MS) {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(READY_MS) })
    if (response.status === 200) return
    await Bun.sleep(POLL_MS)
  }
  throw new Error(`not ready after ${READY_MS} ms`)
}

/** On an empty folder, then on the folder that this start has filled. */
async function startTwice(bench: Bench): Promise<void> {
  const dir = temporaryFolder()
  try {
    for (const kind of ['empty', 'existing']) {
      const ours = await startOnce(bench, join(dir, 'data'))
      bench.measurements.add(`${NAME}, ${kind} data folder`, 'ms', { ours })
    }
  } catch (error) {
    bench.measurements.count(NAME, 'ours', { operations: 0, errors: 1, firstError: errorText(error) })
  } finally {
    dropFolder(dir)
  }
}

export const coldStart: LoneScenario = {
  name: NAME,
  async run(bench) {
    for (let i = 1; i <= bench.options.coldStarts; i++) {
      bench.progress(`${NAME} ${i}/${bench.options.coldStarts}`)
      await startTwice(bench)
    }
  },
}
