import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'

/** What lies where in the data folder. */
export interface Layout {
  dir: string
  lock: string
  /** The cluster: what a backup of the database files would copy. */
  cluster: string
  /** Private to the server: socket and pointer to it, emptied at every start. */
  run: string
  binaries(version: string): string
}

export function layoutOf(dir: string): Layout {
  const root = resolve(dir)
  return {
    dir: root,
    lock: join(root, 'server.lock'),
    cluster: join(root, 'pg'),
    run: join(root, 'run'),
    binaries: (version) => join(root, `pgbin-${version}`),
  }
}

export const DATABASE = 'tetraport'
export const USER = 'tetraport'

/** The kernel's limit for a socket path is 104 bytes on macOS and 108 on Linux. */
const SOCKET_PATH_MAX = 100
const SOCKET_NAME = '.s.PGSQL.5432'
const TEMPORARY = 'tetraport-run-'
const POINTER = 'socket'

/** A socket folder whose path is short enough; a temporary one has a random name, because a fixed one could be taken by others. */
export function socketFolder(layout: Layout): string {
  if (Buffer.byteLength(join(layout.run, SOCKET_NAME)) <= SOCKET_PATH_MAX) return layout.run
  const base = Buffer.byteLength(tmpdir()) < 60 ? tmpdir() : '/tmp'
  return mkdtempSync(join(base, TEMPORARY))
}

export const socketPathIn = (folder: string): string => join(folder, SOCKET_NAME)

export const writePointer = (layout: Layout, folder: string): void =>
  writeFileSync(join(layout.run, POINTER), socketPathIn(folder), { mode: 0o600 })

export const dropPointer = (layout: Layout): void => rmSync(join(layout.run, POINTER), { force: true })

export function readPointer(layout: Layout): string | undefined {
  try {
    return readFileSync(join(layout.run, POINTER), 'utf8')
  } catch {
    return undefined
  }
}

/** Removes the temporary folder that an earlier run may have left behind. */
export function dropTemporaryFolder(layout: Layout): void {
  const folder = dirname(readPointer(layout) ?? layout.run)
  if (basename(folder).startsWith(TEMPORARY)) rmSync(folder, { recursive: true, force: true })
}
