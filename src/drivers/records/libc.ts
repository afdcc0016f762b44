import { dlopen } from 'bun:ffi'
import { closeSync, openSync } from 'node:fs'

export const LIBC = process.platform === 'darwin' ? 'libSystem.B.dylib' : 'libc.so.6'

const LOCK_SHARED = 1
const LOCK_EXCLUSIVE = 2
const LOCK_NO_WAIT = 4

/** False when another process holds the lock. The kernel drops a lock with its holder, however that one dies. */
export function tryLock(fd: number, mode: 'shared' | 'exclusive'): boolean {
  const { symbols, close } = dlopen(LIBC, { flock: { args: ['i32', 'i32'], returns: 'i32' } })
  const locked = symbols.flock(fd, (mode === 'shared' ? LOCK_SHARED : LOCK_EXCLUSIVE) | LOCK_NO_WAIT) === 0
  close()
  return locked
}

/** Everything written so far to the file system of `path` is on the disk when this returns. */
export function syncFileSystem(path: string): void {
  if (process.platform === 'linux') {
    const { symbols, close } = dlopen(LIBC, { syncfs: { args: ['i32'], returns: 'i32' } })
    const fd = openSync(path, 'r')
    symbols.syncfs(fd)
    closeSync(fd)
    close()
    return
  }
  const { symbols, close } = dlopen(LIBC, { sync: { args: [], returns: 'void' } })
  symbols.sync()
  close()
}
