import { constants } from 'node:fs'
import { access, type FileHandle, mkdir, open, rename, stat, statfs, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault } from '../../core/fault.ts'
import { Interruption, intake, Meter, missing, requireGoingOn, requireKey } from './intake.ts'
import { signLink } from './links.ts'
import type { Files, ObjectKey, PutLimits, Range, SignedRequest, SigningServer, StoredObject } from './port.ts'

export interface LocalOptions {
  /** Made when the first object comes. */
  dir: string
  /** Space on the disk that objects leave free. */
  diskReserveBytes: number
}

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
/** A link in place of what we make is refused, and so is a file that somebody else just made. */
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const READ_BYTES = 262_144
/** How much is written between two looks at the free space. */
const LOOK_BYTES = 16 * 1024 * 1024

/**
 * Objects as files: `<dir>/<tenant>/<last two digits of the id>/<id>`, and `<id>.part` while it is written. The last digits
 * are random, the first ones are the time. One process at a time writes into the folder.
 */
export class LocalFiles implements Files {
  readonly kind = 'local'
  private readonly writing = new Set<string>()
  private folders: Promise<unknown> = Promise.resolve()

  constructor(private readonly options: LocalOptions) {}

  async put(key: ObjectKey, source: AsyncIterable<Uint8Array>, limits: PutLimits): Promise<StoredObject> {
    const path = this.pathOf(key)
    if (this.writing.has(path)) throw new Fault('wrong_state', 'This object is being written already.')
    this.writing.add(path)
    try {
      return await this.write(path, source, limits)
    } catch (error) {
      throw translate(error)
    } finally {
      this.writing.delete(path)
    }
  }

  private async write(path: string, source: AsyncIterable<Uint8Array>, limits: PutLimits): Promise<StoredObject> {
    const part = `${path}.part`
    await this.makeFolder(dirname(path))
    await this.requireRoom()
    await remove(part)
    const file = await open(part, CREATE, FILE_MODE)
    try {
      const stored = await this.fill(file, source, limits)
      await file.sync()
      requireGoingOn(limits.signal)
      if (!(await isNamed(file, part))) throw new Fault('unavailable', 'The object was removed while it was written.')
      await rename(part, path)
      await syncFolder(dirname(path))
      return stored
    } catch (error) {
      await withdraw(file, [part, path])
      throw error
    } finally {
      await file.close()
    }
  }

  private async fill(file: FileHandle, source: AsyncIterable<Uint8Array>, limits: PutLimits): Promise<StoredObject> {
    const meter = new Meter()
    let lookAt = LOOK_BYTES
    for await (const chunk of intake(source, limits, meter)) {
      await writeAll(file, chunk)
      if (meter.bytes < lookAt) continue
      lookAt = meter.bytes + LOOK_BYTES
      await this.requireRoom()
    }
    return meter.result()
  }

  private async requireRoom(): Promise<void> {
    const { bavail, bsize } = await statfs(this.options.dir)
    if (bavail * bsize < this.options.diskReserveBytes) throw noRoom()
  }

  async read(key: ObjectKey, range?: Range): Promise<ReadableStream<Uint8Array>> {
    const path = this.pathOf(key)
    try {
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
      return streamOf(file, range)
    } catch (error) {
      throw translate(error)
    }
  }

  async size(key: ObjectKey): Promise<number> {
    const path = this.pathOf(key)
    try {
      return (await stat(path)).size
    } catch (error) {
      throw translate(error)
    }
  }

  /** The part goes first: a writer that renames it in between leaves what the second step removes. */
  async remove(key: ObjectKey): Promise<void> {
    const path = this.pathOf(key)
    try {
      await remove(`${path}.part`)
      await remove(path)
      await syncFolder(dirname(path))
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw translate(error)
    }
  }

  async sign(request: SignedRequest, server: SigningServer): Promise<string> {
    requireKey(request.key)
    return signLink(request, server)
  }

  async check(): Promise<void> {
    try {
      await this.makeFolder(this.options.dir)
      await access(this.options.dir, constants.R_OK | constants.W_OK | constants.X_OK)
    } catch (error) {
      throw translate(error)
    }
  }

  async close(): Promise<void> {
    return // every open file belongs to a put or to a stream
  }

  private pathOf(key: ObjectKey): string {
    requireKey(key)
    return join(this.options.dir, key.tenantId, key.id.slice(-2), key.id)
  }

  /** One after the other: who finds a folder there may rely on it as much as who made it. */
  private makeFolder(dir: string): Promise<void> {
    const made = this.folders.then(() => makeLasting(dir))
    this.folders = made.catch(() => undefined)
    return made
  }
}

/** Once this resolved the folder survives a crash of the machine, and so do the folders above it that were made for it. */
async function makeLasting(dir: string): Promise<void> {
  const first = await mkdir(dir, { recursive: true, mode: FOLDER_MODE })
  if (first === undefined) return
  for (let made = dir; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
}

async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

/** Whether the file has this name. Somebody may have removed it while it was written, and another writer made a new one. */
async function isNamed(file: FileHandle, path: string): Promise<boolean> {
  try {
    const [ours, named] = await Promise.all([file.stat(), stat(path)])
    return ours.ino === named.ino && ours.dev === named.dev
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** A failing disk must not hide what went wrong first: what stays is left to a sweep. */
async function withdraw(file: FileHandle, paths: string[]): Promise<void> {
  for (const path of paths) {
    try {
      if (await isNamed(file, path)) await remove(path)
    } catch {
      return
    }
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength; ) at += (await file.write(chunk, at)).bytesWritten
}

/** Reads when somebody wants more. What the range asks for beyond the end is left out. */
function streamOf(file: FileHandle, range: Range | undefined): ReadableStream<Uint8Array> {
  let at = range?.start ?? 0
  let left = range?.bytes ?? Number.POSITIVE_INFINITY
  let reading: Promise<Uint8Array> | undefined
  const read = async (): Promise<Uint8Array> => {
    const buffer = new Uint8Array(Math.min(READ_BYTES, left))
    if (left === 0) return buffer
    return buffer.subarray(0, (await file.read(buffer, 0, buffer.byteLength, at)).bytesRead)
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          reading = read()
          const chunk = await reading
          at += chunk.byteLength
          left -= chunk.byteLength
          if (chunk.byteLength > 0) return controller.enqueue(chunk)
          await file.close()
          controller.close()
        } catch (error) {
          await file.close().catch(() => undefined)
          throw translate(error)
        }
      },
      async cancel() {
        // The descriptor may be somebody else's as soon as it is closed.
        await reading?.catch(() => undefined)
        await file.close()
      },
    },
    { highWaterMark: 0 },
  )
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

const noRoom = (cause?: unknown): Fault => new Fault('too_large', 'The disk of the server has no room for this.', cause ? { cause } : {})

const FULL = new Set<unknown>(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Errors of the system become faults; what the source threw stays what it is. */
function translate(error: unknown): unknown {
  if (error instanceof Interruption) return error.reason
  if (error instanceof Fault) return error
  const code = codeOf(error)
  if (FULL.has(code)) return noRoom(error)
  if (code === 'ENOENT') return missing()
  return new Fault('unavailable', `The folder of the files cannot be used (${String(code ?? error)}).`, { cause: error })
}
