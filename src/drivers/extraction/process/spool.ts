import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Folders that this process made and still uses. */
const ours = new Set<string>()

/**
 * A folder of this process where files lie while they are read. What a process that was killed left behind is removed by
 * the next one.
 */
export class Spool {
  readonly folder: string
  private ready: Promise<void> | undefined

  constructor(
    private readonly dir: string,
    id: string,
  ) {
    // The id keeps apart what one process opens twice.
    this.folder = join(dir, `${process.pid}-${id}`)
  }

  /** Makes the folder; the first caller pays. */
  open(): Promise<void> {
    this.ready ??= this.make()
    return this.ready
  }

  /** Writes the content to a file that only we can read, and answers its path. */
  async keep(content: ReadableStream<Uint8Array>, name: string, signal?: AbortSignal): Promise<string> {
    const path = join(this.folder, name)
    const file = await open(path, 'wx', 0o600)
    const reader = content.getReader()
    // A source that has stalled must not hold up an abort.
    const abort = (): void => void reader.cancel(signal?.reason).catch(() => undefined)
    signal?.addEventListener('abort', abort)
    try {
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        for (let at = 0; at < piece.value.length; ) at += (await file.write(piece.value, at)).bytesWritten
      }
      signal?.throwIfAborted()
      return path
    } catch (error) {
      abort()
      await this.drop(path)
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
      await file.close()
    }
  }

  async drop(path: string): Promise<void> {
    await rm(path, { force: true })
  }

  async close(): Promise<void> {
    if (this.ready === undefined) return
    await this.ready.catch(() => undefined)
    await rm(this.folder, { recursive: true, force: true })
    ours.delete(this.folder)
  }

  private async make(): Promise<void> {
    ours.add(this.folder)
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    for (const name of await readdir(this.dir)) {
      const path = join(this.dir, name)
      if (!ours.has(path) && !isAlive(Number.parseInt(name, 10))) await rm(path, { recursive: true, force: true })
    }
  }
}

/** Whether another process with this id runs. Our own id in a name that we do not know is a former life's. */
function isAlive(pid: number): boolean {
  if (Number.isNaN(pid) || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
