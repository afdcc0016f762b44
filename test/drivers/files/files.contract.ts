import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Config } from '../../../src/config.ts'
import { type Fault, Fault as FaultClass } from '../../../src/core/fault.ts'
import { newId } from '../../../src/core/id.ts'
import type { Files, ObjectKey, SignedRequest } from '../../../src/drivers/files/port.ts'
import { eventually } from '../../support/eventually.ts'

/** One adapter on a store of its own. */
export interface FilesGround {
  files: Files
  /** To open the same store from another process. */
  config: Config['files']
  dir: string
  /** A URL that is really served. */
  sign(request: SignedRequest): Promise<string>
  /** Whatever is in the store, finished or not. */
  contents(): Promise<string[]>
  close(): Promise<void>
}

const MB = 1024 * 1024
export const PLENTY = { bytesMax: 100 * MB }

export const newKey = (): ObjectKey => ({ tenantId: newId(), id: newId() })
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

export async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield bytesOf(text)
}

/** No two chunks that are near each other are alike, so that a chunk in the wrong place changes the sum. */
export async function* numbered(bytes: number, chunkBytes = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += chunkBytes) {
    const chunk = new Uint8Array(Math.min(chunkBytes, bytes - at))
    yield chunk.fill((at / chunkBytes) % 251)
  }
}

async function sumOf(algorithm: 'sha256' | 'md5', chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hasher = new Bun.CryptoHasher(algorithm)
  for await (const chunk of chunks) hasher.update(chunk)
  return hasher.digest('hex')
}

export async function faultOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof FaultClass) return (error as Fault).code
    throw error
  }
  return 'no fault'
}

/** The code of the fault that reading meets, now or later. */
const readFault = (files: Files, key: ObjectKey): Promise<string> => faultOf(files.read(key).then((stream) => new Response(stream).bytes()))

const openFiles = (): number => [...new Bun.Glob('*').scanSync({ cwd: '/proc/self/fd', onlyFiles: false })].length

export function filesContract(open: () => Promise<FilesGround>): void {
  let ground: FilesGround
  let files: Files
  beforeAll(async () => {
    ground = await open()
    files = ground.files
  }, 120_000)
  afterAll(() => ground?.close())

  const text = async (key: ObjectKey, range?: { start: number; bytes: number }) => new Response(await files.read(key, range)).text()
  const nothingOf = async (key: ObjectKey) => (await ground.contents()).filter((name) => name.includes(key.id))

  describe('writing and reading', () => {
    test('an object is read back with its size and sums', async () => {
      const key = newKey()
      expect(await files.put(key, once('hello'), PLENTY)).toEqual({
        bytes: 5,
        sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
        md5: '5d41402abc4b2a76b9719d911017c592',
      })
      expect(await text(key)).toBe('hello')
      expect(await files.size(key)).toBe(5)
    })

    test('an empty object is an object', async () => {
      const key = newKey()
      const stored = await files.put(key, numbered(0), PLENTY)
      expect(stored).toMatchObject({ bytes: 0, md5: 'd41d8cd98f00b204e9800998ecf8427e' })
      expect([await text(key), await files.size(key), await text(key, { start: 0, bytes: 5 })]).toEqual(['', 0, ''])
    })

    test('20 MB in uneven chunks come back whole and in order', async () => {
      const key = newKey()
      const size = 20 * MB + 12_345
      const source = () => numbered(size, 70_001)
      const stored = await files.put(key, source(), PLENTY)
      expect(stored).toEqual({ bytes: size, sha256: await sumOf('sha256', source()), md5: await sumOf('md5', source()) })
      expect(await sumOf('sha256', await files.read(key))).toBe(stored.sha256)
      expect(await files.size(key)).toBe(size)
    })

    test('chunks larger than a part come back whole and in order', async () => {
      const key = newKey()
      const stored = await files.put(key, numbered(20 * MB, 9 * MB), PLENTY)
      expect(await sumOf('sha256', await files.read(key))).toBe(stored.sha256)
    })

    test('a range is read from anywhere, and ends with the object', async () => {
      const key = newKey()
      await files.put(key, once('0123456789'), PLENTY)
      expect(await text(key, { start: 0, bytes: 1 })).toBe('0')
      expect(await text(key, { start: 3, bytes: 4 })).toBe('3456')
      expect(await text(key, { start: 8, bytes: 100 })).toBe('89')
      expect(await text(key, { start: 10, bytes: 1 })).toBe('')
      expect(await text(key, { start: 2, bytes: 0 })).toBe('')
    })

    test('what is not there is not found', async () => {
      const key = newKey()
      expect(await faultOf(files.read(key))).toBe('not_found')
      expect(await faultOf(files.read(key, { start: 0, bytes: 0 }))).toBe('not_found')
      expect(await faultOf(files.size(key))).toBe('not_found')
    })

    test('the same id under two tenants is two objects', async () => {
      const [one, two] = [newKey(), newKey()]
      const twin = { tenantId: two.tenantId, id: one.id }
      await Promise.all([files.put(one, once('one'), PLENTY), files.put(twin, once('two'), PLENTY)])
      await files.remove(twin)
      expect(await text(one)).toBe('one')
      expect(await faultOf(files.size(twin))).toBe('not_found')
    })

    test('many objects are written at once', async () => {
      const keys = Array.from({ length: 12 }, newKey)
      await Promise.all(keys.map((key, i) => files.put(key, numbered(i * 100_000 + i, 50_000), PLENTY)))
      expect(await Promise.all(keys.map((key) => files.size(key)))).toEqual(keys.map((_, i) => i * 100_000 + i))
    })

    test('a key that is not made of two ids is refused', async () => {
      const bad = { tenantId: newId(), id: '../../etc/passwd' }
      const attempts = [() => files.put(bad, once('x'), PLENTY), () => files.read(bad), () => files.size(bad), () => files.remove(bad)]
      for (const attempt of attempts) await expect(attempt()).rejects.toThrow('two UUIDs')
      await expect(files.read({ tenantId: '..', id: newId() })).rejects.toThrow('two UUIDs')
    })
  })

  describe('a put that fails', () => {
    test('leaves nothing when its source breaks, and tells what the source threw', async () => {
      const key = newKey()
      const broken = new Error('the client is gone')
      async function* source() {
        yield* numbered(18 * MB)
        throw broken
      }
      expect(await files.put(key, source(), PLENTY).catch((error) => error)).toBe(broken)
      expect(await faultOf(files.size(key))).toBe('not_found')
      expect(await nothingOf(key)).toEqual([])
    })

    test('passes on a system error of its source as it is', async () => {
      async function* source() {
        yield new Uint8Array(await Bun.file('/nowhere/at/all').arrayBuffer())
      }
      const error = await files.put(newKey(), source(), PLENTY).catch((cause) => cause)
      expect([error instanceof FaultClass, error.code]).toEqual([false, 'ENOENT'])
    })

    test('ends at once when it is aborted, also while the source is silent', async () => {
      const key = newKey()
      const stop = new AbortController()
      const reason = new Error('enough')
      let left = false
      async function* source() {
        try {
          yield* numbered(9 * MB)
          stop.abort(reason)
          await new Promise(() => undefined)
        } finally {
          left = true
        }
      }
      expect(await files.put(key, source(), { ...PLENTY, signal: stop.signal }).catch((error) => error)).toBe(reason)
      expect(await nothingOf(key)).toEqual([])
      expect(left).toBe(false) // it hangs for ever: nobody may wait for it
    })

    test('writes nothing when it was aborted before', async () => {
      const key = newKey()
      const signal = AbortSignal.abort(new Error('too late'))
      await expect(files.put(key, once('hello'), { ...PLENTY, signal })).rejects.toThrow('too late')
      expect(await nothingOf(key)).toEqual([])
    })

    test('takes no more of its source than it may hold, and lets it go', async () => {
      const key = newKey()
      let taken = 0
      let left = false
      async function* source() {
        try {
          for await (const chunk of numbered(50 * MB)) {
            taken += chunk.byteLength
            yield chunk
          }
        } finally {
          left = true
        }
      }
      expect(await faultOf(files.put(key, source(), { bytesMax: MB }))).toBe('too_large')
      expect(taken).toBeLessThanOrEqual(MB + 65_536)
      expect(await nothingOf(key)).toEqual([])
      await eventually(() => left || undefined)
    })

    test('may be repeated', async () => {
      const key = newKey()
      expect(await faultOf(files.put(key, numbered(20), { bytesMax: 10 }))).toBe('too_large')
      await files.put(key, once('second'), PLENTY)
      expect(await text(key)).toBe('second')
    })

    test('a second writer of the same key is refused while the first is at it', async () => {
      const key = newKey()
      const gate = Promise.withResolvers<void>()
      async function* slow() {
        yield bytesOf('first')
        await gate.promise
      }
      const first = files.put(key, slow(), PLENTY)
      expect(await faultOf(files.put(key, once('second'), PLENTY))).toBe('wrong_state')
      gate.resolve()
      await first
      expect(await text(key)).toBe('first')
    })

    test('nothing is visible before it is whole', async () => {
      const key = newKey()
      const seen: string[] = []
      async function* source() {
        for await (const chunk of numbered(18 * MB, MB)) {
          seen.push(await faultOf(files.size(key)))
          yield chunk
        }
      }
      await files.put(key, source(), PLENTY)
      expect(new Set(seen)).toEqual(new Set(['not_found']))
    })
  })

  describe('removing', () => {
    test('an object is gone, and removing it again is no error', async () => {
      const key = newKey()
      await files.put(key, numbered(9 * MB), PLENTY)
      await files.remove(key)
      expect([await faultOf(files.size(key)), await readFault(files, key)]).toEqual(['not_found', 'not_found'])
      await files.remove(key)
      await files.remove(newKey())
      expect(await nothingOf(key)).toEqual([])
    })

    test('stops a writer, which leaves nothing', async () => {
      const key = newKey()
      const [written, removed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      async function* source() {
        yield* numbered(20 * MB)
        written.resolve()
        await removed.promise
        yield bytesOf('the end')
      }
      const put = faultOf(files.put(key, source(), PLENTY))
      await written.promise
      await files.remove(key)
      removed.resolve()
      expect(await put).toBe('unavailable')
      expect(await nothingOf(key)).toEqual([])
    })
  })

  test('a read that is cancelled, ended or failed gives its descriptors back', async () => {
    const key = newKey()
    await files.put(key, numbered(5 * MB), PLENTY)
    // The first connections to a store stay open for the next.
    await Promise.all(Array.from({ length: 8 }, () => text(key)))
    const before = openFiles()
    await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const reader = (await files.read(key)).getReader()
        if (i > 0) await reader.read()
        await (i % 2 ? reader.cancel() : Promise.all([reader.read(), reader.cancel()]))
      }),
    )
    await text(key)
    await readFault(files, newKey())
    await eventually(() => openFiles() <= before || undefined)
  })

  test('a process that is killed in a put leaves nothing visible, and its rest can be removed', async () => {
    const key = newKey()
    const given = JSON.stringify({ config: ground.config, dir: ground.dir, key })
    const child = Bun.spawn([process.execPath, join(import.meta.dir, 'half-put.ts'), given], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
    })
    await child.stdout.getReader().read()
    child.kill('SIGKILL')
    await child.exited
    expect(await faultOf(files.size(key))).toBe('not_found')
    expect(await nothingOf(key)).not.toEqual([])
    await files.remove(key)
    expect(await nothingOf(key)).toEqual([])
  })

  test('what a dead writer left is replaced', async () => {
    const key = newKey()
    const given = JSON.stringify({ config: ground.config, dir: ground.dir, key })
    const child = Bun.spawn([process.execPath, join(import.meta.dir, 'half-put.ts'), given], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
    })
    await child.stdout.getReader().read()
    child.kill('SIGKILL')
    await child.exited
    await files.put(key, once('anew'), PLENTY)
    expect(await text(key)).toBe('anew')
    await files.remove(key)
    expect(await nothingOf(key)).toEqual([])
  })

  test('a store that works says so', async () => {
    await files.check()
  })
}
