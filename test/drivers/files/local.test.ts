import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../../../src/config.ts'
import { openFiles } from '../../../src/drivers/files/files.ts'
import { verifyLink } from '../../../src/drivers/files/links.ts'
import { LocalFiles } from '../../../src/drivers/files/local.ts'
import type { ObjectKey } from '../../../src/drivers/files/port.ts'
import { objectLinks } from '../../../src/http/objects.ts'
import { silentLog } from '../../support/postgres.ts'
import { type FilesGround, faultOf, filesContract, newKey, numbered, once, PLENTY } from './files.contract.ts'
import { linksContract } from './links.contract.ts'

const clock = { now: () => Date.now() }
const defaults = { ...readConfig({}).config.files, diskReserveBytes: 0 }

const temporary = (): Promise<string> => mkdtemp(join(tmpdir(), 'tetraport-files-'))
const filesIn = (dir: string): string[] =>
  existsSync(dir)
    ? readdirSync(dir, { recursive: true, withFileTypes: true }).flatMap((e) => (e.isFile() ? [join(e.parentPath, e.name)] : []))
    : []

async function openLocal(): Promise<FilesGround> {
  const root = await temporary()
  const dir = join(root, 'data/files')
  mkdirSync(join(root, 'data'))
  const files = openFiles(defaults, { dir, log: silentLog, clock })
  const find = async (key: ObjectKey) => {
    const isThere = await files.size(key).then(
      () => true,
      () => false,
    )
    return { signingKey: `key of ${key.tenantId}`, state: isThere ? ('kept' as const) : ('awaited' as const) }
  }
  const links = objectLinks({ files, log: silentLog, clock, verify: verifyLink, find, bodyIdleMs: 5000 })
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: links.compile().fetch as (request: Request) => Promise<Response> })
  return {
    ...{ files, dir, config: defaults },
    sign: (request) => files.sign(request, { base: server.url.href, signingKey: `key of ${request.key.tenantId}` }),
    contents: async () => filesIn(dir),
    async close() {
      await server.stop(true)
      await files.close()
      await rm(root, { recursive: true })
    },
  }
}

describe('local files', () => {
  filesContract(openLocal)
})

describe('signed links of local files', () => {
  linksContract(openLocal)
})

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await temporary()
  try {
    await work(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

describe('the folder', () => {
  test('is made on demand, and nobody else may enter it', () =>
    inFolder(async (root) => {
      const dir = join(root, 'files')
      const files = new LocalFiles({ dir, diskReserveBytes: 0 })
      expect(existsSync(dir)).toBe(false)
      const key = newKey()
      await files.put(key, once('hello'), PLENTY)
      const [path = ''] = filesIn(dir)
      expect(path).toBe(join(dir, key.tenantId, key.id.slice(-2), key.id))
      const modes = [dir, join(dir, key.tenantId), join(dir, key.tenantId, key.id.slice(-2)), path].map((p) => statSync(p).mode & 0o777)
      expect(modes).toEqual([0o700, 0o700, 0o700, 0o600])
    }))

  test('a link in place of an object is not followed', () =>
    inFolder(async (dir) => {
      const files = new LocalFiles({ dir, diskReserveBytes: 0 })
      const [key, secret] = [newKey(), join(dir, 'secret')]
      writeFileSync(secret, 'secret')
      const folder = join(dir, key.tenantId, key.id.slice(-2))
      mkdirSync(folder, { recursive: true })
      symlinkSync(secret, join(folder, key.id))
      symlinkSync(secret, join(folder, `${key.id}.part`))
      expect(await faultOf(files.read(key))).toBe('unavailable')
      await files.put(key, once('hello'), PLENTY)
      expect([await Bun.file(secret).text(), await new Response(await files.read(key)).text()]).toEqual(['secret', 'hello'])
    }))

  test('a folder that cannot be used is named by its error', () =>
    inFolder(async (dir) => {
      const file = join(dir, 'file')
      writeFileSync(file, '')
      const files = new LocalFiles({ dir: join(file, 'files'), diskReserveBytes: 0 })
      await expect(files.check()).rejects.toThrow('ENOTDIR')
      expect(await faultOf(files.put(newKey(), once('x'), PLENTY))).toBe('unavailable')
    }))
})

describe('the disk', () => {
  const room = async (dir: string): Promise<number> => {
    const { bavail, bsize } = await statfs(dir)
    return bavail * bsize
  }

  test('a put is refused before its first byte when there is no room', () =>
    inFolder(async (dir) => {
      const files = new LocalFiles({ dir, diskReserveBytes: 2 ** 60 })
      let asked = false
      async function* source() {
        asked = true
        yield* once('hello')
      }
      expect(await faultOf(files.put(newKey(), source(), PLENTY))).toBe('too_large')
      expect([asked, filesIn(dir)]).toEqual([false, []])
    }))

  test('a put ends before it takes what is to stay free', () =>
    inFolder(async (dir) => {
      const margin = 64 * 1024 * 1024
      const files = new LocalFiles({ dir, diskReserveBytes: (await room(dir)) - margin })
      let taken = 0
      async function* source() {
        for await (const chunk of numbered(2 ** 31, 2 ** 20)) {
          taken += chunk.byteLength
          yield chunk
        }
      }
      expect(await faultOf(files.put(newKey(), source(), { bytesMax: 2 ** 40 }))).toBe('too_large')
      // Others may use the disk too.
      expect(taken).toBeLessThan(margin * 8)
      expect(filesIn(dir)).toEqual([])
    }))
})
