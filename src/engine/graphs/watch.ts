import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Log } from '../../core/needs.ts'

/** Editors write a file in several goes, and several files at once. */
const SETTLE_MS = 80

/**
 * Calls back when a watched file has other contents than before; one that is not there has none. Folders are watched, not
 * files: editors put a new file in the place of the old one, which a watch of the file would not see.
 */
export class FileWatch {
  private readonly folders = new Map<string, FSWatcher>()
  private files: ReadonlySet<string> = new Set()
  private prints = new Map<string, bigint | number>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private closed = false

  constructor(
    private readonly changed: () => void,
    private readonly log: Log,
  ) {}

  /** From here on these; what they hold now is what they are compared with. */
  async follow(files: ReadonlySet<string>): Promise<void> {
    this.files = files
    const folders = new Set([...files].map((file) => dirname(file)))
    for (const [folder, watcher] of this.folders) if (!folders.has(folder)) this.leave(folder, watcher)
    for (const folder of folders) this.enter(folder)
    this.prints = await this.take()
  }

  close(): void {
    this.closed = true
    clearTimeout(this.timer)
    for (const [folder, watcher] of this.folders) this.leave(folder, watcher)
  }

  private leave(folder: string, watcher: FSWatcher): void {
    watcher.close()
    this.folders.delete(folder)
  }

  private enter(folder: string): void {
    if (this.closed || this.folders.has(folder)) return
    const lost = (error: unknown) => this.log.warn('graphs.folder_not_watched', { folder, reason: (error as Error).message })
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => this.notice(folder, name))
      watcher.on('error', lost)
      this.folders.set(folder, watcher)
    } catch (error) {
      // A folder of a file that is awaited may not be there itself.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') lost(error)
    }
  }

  private notice(folder: string, name: string | null): void {
    if (this.closed) return
    if (name !== null && !this.files.has(join(folder, name))) return
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.compare(), SETTLE_MS)
  }

  private async compare(): Promise<void> {
    const now = await this.take()
    const same = now.size === this.prints.size && [...now].every(([file, print]) => this.prints.get(file) === print)
    if (this.closed || same) return
    this.prints = now
    this.changed()
  }

  /** A file that is not there has no print. */
  private async take(): Promise<Map<string, bigint | number>> {
    const prints = new Map<string, bigint | number>()
    for (const file of this.files) {
      const bytes = await readFile(file).catch(() => undefined)
      if (bytes !== undefined) prints.set(file, Bun.hash(bytes))
    }
    return prints
  }
}
