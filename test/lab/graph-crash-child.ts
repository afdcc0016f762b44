import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { readConfig } from '../../src/config.ts'
import { openExternal } from '../../src/drivers/records/external.ts'
import type { Param } from '../../src/drivers/records/port.ts'
import { silentLog } from '../support/postgres.ts'
import { Crash, type CrashPoint, nameOf } from './graph-crash-db.ts'

// A server like any other, but that it kills itself at one statement: LAB_CRASH says at which, counted from the moment
// that the file `armed` is in the folder of the lab. The names of the statements since are noted in `statements`.

const folder = process.env.LAB_FOLDER ?? '.'
const point = JSON.parse(process.env.LAB_CRASH ?? 'null') as CrashPoint | null
const isArmed = (): boolean => existsSync(join(folder, 'armed'))
const crash = new Crash(point ?? undefined, () => process.kill(process.pid, 'SIGKILL'), isArmed)

const step = async <R>(name: string, send: () => Promise<R>): Promise<R> => {
  if (isArmed()) appendFileSync(join(folder, 'statements'), `${name}\n`)
  return crash.step(name, send)
}

type Send = (text: string, params?: readonly Param[]) => Promise<unknown>

/** Every call of this method, of every object of the class, goes through the step of its name. */
function count(of: object, method: string, name: (text: string, params?: readonly Param[]) => string): void {
  const methods = Object.getPrototypeOf(of) as Record<string, Send>
  const send = methods[method]
  if (!send) throw new Error(`there is no ${method} to count`)
  methods[method] = function (this: unknown, text, params) {
    return step(name(text, params), () => send.call(this, text, params))
  }
}

const { records } = readConfig({ env: process.env }).config
const look = await openExternal({ url: records.url ?? '', poolMax: 2, log: silentLog })
count(look.db, 'query', nameOf)
count(look.db, 'hot', nameOf)
await look.db.transaction(async (db) => {
  count(db, 'query', nameOf)
  count(db, 'finish', (text) => (text === 'commit' ? 'end of transaction' : text))
})
await look.close()

await import('../../src/main.ts')
