import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchWorker } from '../../../../src/drivers/extraction/process/launch.ts'
import { readLines } from '../../../../src/drivers/extraction/worker/protocol.ts'
import { eventually } from '../../../support/eventually.ts'
import { childrenOf } from '../../../support/extraction.ts'

const HOLDER = join(import.meta.dir, '../../../support/hold-extraction.ts')
const dir = mkdtempSync(join(tmpdir(), 'tetraport-worker-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

async function startWorker() {
  const { command, env } = launchWorker(256 * 1024 * 1024)
  const child = Bun.spawn(command, { cwd: dir, env, stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' })
  const lines = readLines(child.stdout)
  expect((await lines.next()).value).toBe('{"is":"ready"}')
  return { child, lines }
}

/** A hundredth of a second each, of all its threads. */
function processorTicks(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[11])
  } catch {
    return 0
  }
}

describe('the process that reads documents', () => {
  test('ends when its input does', async () => {
    const { child } = await startWorker()
    child.stdin.end()
    expect(await child.exited).toBe(0)
  })

  test('lives on when the terminal interrupts the server', async () => {
    const { child } = await startWorker()
    child.kill('SIGINT')
    child.kill('SIGTERM')
    child.stdin.write('{"path":"/nowhere"}\n')
    child.stdin.end()
    expect(await child.exited).not.toBe(null)
    expect(child.signalCode).toBe(null)
  })

  test.skipIf(process.platform !== 'linux')('knows no secret, writes no file and yields to everything else', async () => {
    process.env.TETRAPORT_TEST_SECRET = 'hunter2'
    const { child } = await startWorker()
    delete process.env.TETRAPORT_TEST_SECRET
    const proc = `/proc/${child.pid}`
    const names = readFileSync(`${proc}/environ`, 'latin1')
      .split('\0')
      .map((entry) => entry.split('=')[0] ?? '')
    expect(
      names.filter((name) => name !== '' && !/^(TZ|BUN_JSC_forceRAMSize|BUN_RUNTIME_TRANSPILER_CACHE_PATH|DO_NOT_TRACK)$/.test(name)),
    ).toEqual([])
    expect(readFileSync(`${proc}/limits`, 'latin1')).toMatch(/Max file size +0 +0 /)
    // The 19th field, counted behind the name, which may hold spaces.
    const nice = readFileSync(`${proc}/stat`, 'latin1').split(') ')[1]?.split(' ')[16]
    expect(Number(nice)).toBe(10)
    child.stdin.end()
    await child.exited
  })

  test.skipIf(process.platform !== 'linux')('dies with a server that is killed, whatever it computes', async () => {
    const holder = Bun.spawn([process.execPath, HOLDER, join(dir, 'extraction')], { stdin: 'ignore', stdout: 'ignore', stderr: 'inherit' })
    const worker = await eventually(() => {
      if (holder.exitCode !== null) throw new Error(`The server ended by itself with ${holder.exitCode}.`)
      const pid = childrenOf(holder.pid, 'extract-worker')[0]
      return pid !== undefined && processorTicks(pid) > 100 ? pid : undefined
    }, 40_000)
    holder.kill('SIGKILL')
    await holder.exited
    await eventually(() => (existsSync(`/proc/${worker}`) ? undefined : true))
  })
})
