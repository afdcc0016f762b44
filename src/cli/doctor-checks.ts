import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemClock } from '../app.ts'
import { maskUrl } from '../config/describe.ts'
import type { Config, ProviderConfig } from '../config.ts'
import { readLock } from '../drivers/records/lock.ts'
import { openLog } from '../log.ts'
import { localUrl } from './health.ts'

export interface Finding {
  check: string
  state: 'ok' | 'warn' | 'fail'
  found: string
  hint?: string
}

type Check = (config: Config) => AsyncGenerator<Finding> | Finding[] | Generator<Finding>

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function* dataFolder({ data: { dir }, records }: Config): Generator<Finding> {
  if (records.url !== null) return
  const holder = readLock(dir)
  if (holder?.alive) yield { check: 'data', state: 'ok', found: `${dir} is served by process ${holder.pid ?? 'unknown'}` }
  else yield writable(dir)
}

function writable(dir: string): Finding {
  const target = nearestFolder(dir)
  try {
    accessSync(target, constants.W_OK | constants.X_OK)
    return { check: 'data', state: 'ok', found: target === dir ? `${dir} is writable` : `${dir} will be made in ${target}` }
  } catch (error) {
    return { check: 'data', state: 'fail', found: messageOf(error), hint: 'choose a folder with --data, or correct the rights of this one' }
  }
}

function nearestFolder(dir: string): string {
  let folder = dir
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  return folder
}

const GIB = 1024 ** 3
const SPACE_NEEDED_GIB = 0.25
const SPACE_WANTED_GIB = 2

function* diskSpace({ data: { dir }, records, files }: Config): Generator<Finding> {
  if (records.url !== null && files.s3Bucket !== null) return
  const { bavail, bsize } = statfsSync(nearestFolder(dir))
  const gib = (bavail * bsize) / GIB
  const found = `${gib.toFixed(1)} GiB free`
  if (gib >= SPACE_WANTED_GIB) yield { check: 'disk', state: 'ok', found }
  else yield { check: 'disk', state: gib < SPACE_NEEDED_GIB ? 'fail' : 'warn', found, hint: 'free some space, or move the data folder' }
}

async function* address({ listen, langgraph, entities }: Config): AsyncGenerator<Finding> {
  yield await addressOf(listen, '--listen')
  if (entities.listen) yield await addressOf(entities.listen, '--listen-entities')
  if (langgraph.listen) yield await addressOf(langgraph.listen, '--listen-langgraph')
}

async function addressOf(listen: Config['listen'], flag: string): Promise<Finding> {
  const shown = `${listen.host}:${listen.port}`
  if (listen.port === 0) return { check: 'address', state: 'ok', found: 'any free port' }
  try {
    const listener = Bun.listen({ hostname: listen.host, port: listen.port, socket: { data: () => undefined } })
    listener.stop(true)
    return { check: 'address', state: 'ok', found: `${shown} is free` }
  } catch (error) {
    return (await isOurs(localUrl(listen)))
      ? { check: 'address', state: 'ok', found: `a tetraport answers at ${shown}` }
      : { check: 'address', state: 'fail', found: `${shown}: ${messageOf(error)}`, hint: `choose another address with ${flag}` }
  }
}

async function isOurs(base: string): Promise<boolean> {
  try {
    const index = (await (await fetch(base, { signal: AbortSignal.timeout(2000) })).json()) as { name?: unknown }
    return index.name === 'tetraport'
  } catch {
    return false
  }
}

/** For what a check opens: the finding says it all. */
export const quiet = openLog({
  level: 'error',
  format: 'text',
  clock: systemClock,
  sink: { write: () => undefined, flush: () => undefined },
})
const OLDEST_POSTGRES = 150_000

async function* database({ records: { url }, data }: Config): AsyncGenerator<Finding> {
  const running = url === null && readLock(data.dir)?.alive === true
  if (url === null && !running) {
    yield { check: 'database', state: 'ok', found: 'embedded, starts with the server' }
    return
  }
  const where = url === null ? 'embedded, running' : maskUrl(url)
  try {
    const records = await openForCheck(url, data.dir)
    try {
      await records.check()
      yield versionFinding(where, records.serverVersion)
    } finally {
      await records.close()
    }
  } catch (error) {
    yield {
      check: 'database',
      state: 'fail',
      found: `${where}: ${messageOf(error)}`,
      hint: 'check DATABASE_URL and that the database is up',
    }
  }
}

async function openForCheck(url: string | null, dir: string) {
  if (url !== null) return (await import('../drivers/records/external.ts')).openExternal({ url, poolMax: 1, log: quiet })
  return (await import('../drivers/records/embedded.ts')).openRunning({ dir, poolMax: 1, log: quiet })
}

function versionFinding(where: string, version: number): Finding {
  const found = `${where}, Postgres ${Math.floor(version / 10_000)}.${version % 10_000}`
  if (version >= OLDEST_POSTGRES) return { check: 'database', state: 'ok', found }
  return { check: 'database', state: 'fail', found, hint: 'Postgres 15 or newer is needed' }
}

async function* providers({ models }: Config): AsyncGenerator<Finding> {
  if (models.providers.length === 0) {
    const hint = 'set OPENAI_BASE_URL or OPENAI_API_KEY, or list providers in tetraport.toml'
    yield { check: 'models', state: 'warn', found: 'only the built-in scripted models', hint }
  }
  for (const provider of models.providers) yield await askProvider(provider)
}

async function askProvider({ name, baseUrl, apiKey }: ProviderConfig): Promise<Finding> {
  const where = `${name} at ${maskUrl(baseUrl)}`
  try {
    const headers: Record<string, string> = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }
    const { status } = await fetch(`${baseUrl}/models`, { headers, signal: AbortSignal.timeout(5000) })
    if (status === 401 || status === 403)
      return { check: 'models', state: 'fail', found: `${where} refuses the key (${status})`, hint: 'check its key' }
    if (status >= 500) return { check: 'models', state: 'warn', found: `${where} answers ${status}`, hint: 'its own log should say why' }
    return { check: 'models', state: 'ok', found: `${where} answers` }
  } catch (error) {
    return { check: 'models', state: 'fail', found: `${where}: ${messageOf(error)}`, hint: 'check its base URL and that it is up' }
  }
}

export const CHECKS: readonly Check[] = [dataFolder, diskSpace, address, database, providers]
