import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { Fault } from '../../core/fault.ts'
import { layoutOf } from './layout.ts'
import { tryLock } from './libc.ts'

/** Another process serves this data folder. */
export class DataFolderInUse extends Fault {
  constructor(
    readonly dir: string,
    readonly holderPid: number | null,
  ) {
    const who = holderPid === null ? 'Another process' : `Process ${holderPid}`
    super(
      'unavailable',
      `${who} already uses the data folder ${dir}. Two servers on one folder would destroy its data. Stop that one, or choose another folder.`,
    )
  }
}

export interface FolderLock {
  release(): void
}

/** `readLock` holds the lock for an instant; a server that starts in this instant must not give up. */
const ATTEMPTS = 10
const PAUSE_MS = 20

/** Holds the data folder for the life of this process. */
export async function lockFolder(dir: string): Promise<FolderLock> {
  const { lock } = layoutOf(dir)
  const fd = openSync(lock, 'a+', 0o600)
  for (let attempt = 0; !tryLock(fd, 'exclusive'); attempt++) {
    if (attempt === ATTEMPTS) {
      closeSync(fd)
      throw new DataFolderInUse(layoutOf(dir).dir, readPid(lock))
    }
    await Bun.sleep(PAUSE_MS)
  }
  ftruncateSync(fd, 0)
  writeSync(fd, `${process.pid}\n`)
  return { release: () => closeSync(fd) }
}

function readPid(path: string): number | null {
  const pid = Number.parseInt(readFileSync(path, 'utf8'), 10)
  return Number.isNaN(pid) ? null : pid
}

/** Who holds the folder, or held it last (`alive` false); undefined when no server ever did. */
export function readLock(dir: string): { pid: number | null; alive: boolean } | undefined {
  const { lock } = layoutOf(dir)
  let fd: number
  try {
    fd = openSync(lock, 'r')
  } catch {
    return undefined
  }
  try {
    return { pid: readPid(lock), alive: !tryLock(fd, 'shared') }
  } finally {
    closeSync(fd)
  }
}
