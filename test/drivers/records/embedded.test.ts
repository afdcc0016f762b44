import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../../src/core/fault.ts'
import type { Log } from '../../../src/core/needs.ts'
import { type EmbeddedRecords, openEmbedded, openRunning } from '../../../src/drivers/records/embedded.ts'
import { DataFolderInUse, readLock } from '../../../src/drivers/records/lock.ts'
import { silentLog, temporaryFolder } from '../../support/postgres.ts'

setDefaultTimeout(30_000)

const HOLDER = join(import.meta.dir, '../../support/hold-embedded.ts')
const dirs: string[] = []
let dir: string

const newFolder = (): string => {
  const made = temporaryFolder()
  dirs.push(made)
  return made
}
const open = (at = dir, log = silentLog): Promise<EmbeddedRecords> => openEmbedded({ dir: at, poolMax: 2, log, settings: { fsync: 'off' } })
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

/** Polls: the events are those of other processes. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await Bun.sleep(5)
}

/** Runs on; a zombie does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

function logOf(events: string[]): Log {
  const note = (event: string): void => void events.push(event)
  return { debug: note, info: note, warn: note, error: note }
}

async function startHolder(): Promise<{ pid: number; postgres: number; kill(): Promise<unknown> }> {
  const child = Bun.spawn([process.execPath, HOLDER, dir], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  const reader = child.stdout.getReader()
  const { value } = await reader.read()
  const kill = (): Promise<unknown> => {
    child.kill('SIGKILL')
    return child.exited
  }
  return { pid: child.pid, postgres: Number(new TextDecoder().decode(value)), kill }
}

/** One cluster for the tests that need nothing special: making one takes most of a second. */
beforeAll(async () => {
  dir = newFolder()
  const records = await open()
  await records.db.query('create table kept (id int primary key)')
  await records.db.query('insert into kept values (1)')
  await records.close()
})
afterAll(() => {
  for (const made of dirs) rmSync(made, { recursive: true, force: true })
})

test('data is there again after a stop and a start', async () => {
  const records = await open()
  expect(await records.db.query('select id from kept')).toEqual([{ id: 1 }])
  expect(records.shared).toBe(false)
  expect(Math.floor(records.serverVersion / 10_000)).toBe(18)
  const pid = records.postgresPid() as number
  await records.close()
  expect(isRunning(pid)).toBe(false)
  expect(readLock(dir)).toEqual({ pid: process.pid, alive: false })
})

test('it listens on no network address', async () => {
  const records = await open()
  expect(await records.db.query('show listen_addresses')).toEqual([{ listen_addresses: '' }])
  await records.close()
})

test('a second process is refused and told who holds the folder', async () => {
  const holder = await startHolder()
  try {
    const error = await failure(open())
    expect(error).toBeInstanceOf(DataFolderInUse)
    expect((error as DataFolderInUse).holderPid).toBe(holder.pid)
    expect((error as Fault).message).toContain(String(holder.pid))
    expect(readLock(dir)).toEqual({ pid: holder.pid, alive: true })
  } finally {
    await holder.kill()
  }
})

test('the command line reaches the database of a running server', async () => {
  const records = await open()
  const beside = await openRunning({ dir, poolMax: 1, log: silentLog })
  expect(await beside.db.query('select id from kept')).toEqual([{ id: 1 }])
  await beside.close()
  await records.check()
  await records.close()
  expect((await failure(openRunning({ dir, poolMax: 1, log: silentLog }))) as Fault).toBeInstanceOf(Fault)
})

test('a killed server takes its Postgres with it, and its lock does not stay', async () => {
  const holder = await startHolder()
  await holder.kill()
  if (process.platform === 'linux') await until(() => !isRunning(holder.postgres))
  const records = await open()
  expect(await records.db.query('select id from kept')).toEqual([{ id: 1 }])
  await records.close()
})

test('a Postgres that outlived its server is stopped, not adopted', async () => {
  const holder = await startHolder()
  // Stopped, it cannot act on the signal that tells it of its parent's death.
  process.kill(holder.postgres, 'SIGSTOP')
  await holder.kill()
  const events: string[] = []
  const opening = open(dir, logOf(events))
  await until(() => events.includes('records.orphan_stopped'))
  process.kill(holder.postgres, 'SIGCONT')
  const records = await opening
  expect(isRunning(holder.postgres)).toBe(false)
  expect(records.postgresPid()).not.toBe(holder.postgres)
  expect(await records.db.query('select id from kept')).toEqual([{ id: 1 }])
  await records.close()
})

test('a process id that now belongs to somebody else does not block the start', async () => {
  const records = await open()
  const file = join(dir, 'pg/postmaster.pid')
  const text = readFileSync(file, 'utf8')
  await records.close()
  writeFileSync(file, text.replace(/^\d+/, '1'))
  const again = await open()
  expect(await again.db.query('select id from kept')).toEqual([{ id: 1 }])
  await again.close()
})

test('when Postgres alone is killed it comes back, with all that was acknowledged', async () => {
  const records = await open()
  await records.db.query('insert into kept values (2)')
  const before = records.postgresPid() as number
  process.kill(before, 'SIGKILL')
  await until(() => records.postgresPid() !== before)
  await until(async () => (await failure(records.check())) === undefined)
  let ids: unknown
  await until(async () => {
    ids = await records.db.query('select id from kept order by id').catch(() => undefined)
    return ids !== undefined
  })
  expect(ids).toEqual([{ id: 1 }, { id: 2 }])
  await records.close()
})

test('a data folder whose path is too long for a socket works, and leaves nothing outside', async () => {
  const long = join(newFolder(), 'x'.repeat(120))
  const records = await open(long)
  expect(records.socketPath.startsWith(long)).toBe(false)
  expect(await records.db.query('select 1 as one')).toEqual([{ one: 1 }])
  const before = records.postgresPid() as number
  process.kill(before, 'SIGKILL')
  await until(() => records.postgresPid() !== before)
  await until(async () => (await failure(records.check())) === undefined)
  await records.close()
  expect(existsSync(records.socketPath)).toBe(false)
})

test('what an interrupted first start left behind is removed', async () => {
  const fresh = newFolder()
  writeFileSync(join(fresh, '.setup-1'), 'half a cluster')
  const records = await open(fresh)
  await records.close()
  expect(readdirSync(fresh).filter((name) => name.startsWith('.setup-'))).toEqual([])
})

test('data of another major version is refused untouched', async () => {
  const file = join(dir, 'pg/PG_VERSION')
  const version = readFileSync(file, 'utf8')
  writeFileSync(file, '17\n')
  const error = await failure(open())
  writeFileSync(file, version)
  expect((error as Fault).message).toContain('PostgreSQL 17')
  const records = await open()
  await records.check()
  await records.close()
})

test('a data folder that is a file is refused with the way out', async () => {
  const file = join(newFolder(), 'file')
  writeFileSync(file, '')
  const error = await failure(open(file))
  expect(error).toBeInstanceOf(Fault)
  expect((error as Fault).message).toContain('DATABASE_URL')
})
