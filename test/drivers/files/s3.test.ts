import { describe, expect, test } from 'bun:test'
import { ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { readConfig } from '../../../src/config.ts'
import { openFiles } from '../../../src/drivers/files/files.ts'
import type { Files } from '../../../src/drivers/files/port.ts'
import { silentLog } from '../../support/postgres.ts'
import { hasS3, type S3Settings, s3Settings } from '../../support/s3-server.ts'
import { type FilesGround, faultOf, filesContract, newKey, numbered, once, PLENTY } from './files.contract.ts'
import { linksContract } from './links.contract.ts'
import { hasDocker, startMinio } from './minio.ts'

const clock = { now: () => Date.now() }
const parts = { dir: '/nowhere', log: silentLog, clock }

const configOf = (settings: Partial<S3Settings>) => ({ ...readConfig({}).config.files, ...settings })

async function openS3(settings: S3Settings, stop: () => Promise<void> = async () => undefined): Promise<FilesGround> {
  const config = configOf(settings)
  const files = openFiles(config, parts)
  const Bucket = config.s3Bucket ?? ''
  const client = new S3Client({
    endpoint: config.s3Endpoint ?? '',
    region: config.s3Region,
    forcePathStyle: true,
    credentials: { accessKeyId: config.s3AccessKeyId ?? '', secretAccessKey: config.s3SecretAccessKey ?? '' },
  })
  return {
    ...{ files, config, dir: parts.dir },
    sign: (request) => files.sign(request, { base: 'http://unused', signingKey: 'unused' }),
    async contents() {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }))
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }))
      return [...Contents, ...Uploads].map((found) => found.Key ?? '')
    },
    async close() {
      client.destroy()
      await files.close()
      await stop()
    },
  }
}

describe.skipIf(!hasS3('files on S3'))('files on S3', () => {
  filesContract(async () => openS3(await s3Settings()))
})

describe.skipIf(!hasS3('signed links on S3'))('signed links on S3', () => {
  linksContract(async () => openS3(await s3Settings()))
})

const openMinio = async (): Promise<FilesGround> => {
  const minio = await startMinio()
  return openS3(minio.settings, minio.stop)
}

describe.skipIf(!(await hasDocker('files and signed links on MinIO')))('on MinIO', () => {
  describe('files', () => filesContract(openMinio))
  describe('signed links', () => linksContract(openMinio))
})

const trouble = async (files: Files): Promise<string> => {
  try {
    await files.check()
  } catch (error) {
    return (error as Error).message
  }
  return 'none'
}

describe.skipIf(!hasS3('refusals of an S3 store'))('a store that refuses', () => {
  const secret = 'a very wrong secret'

  test('a wrong secret is named, and shown nowhere', async () => {
    const files = openFiles(configOf({ ...(await s3Settings()), s3SecretAccessKey: secret }), parts)
    expect(await trouble(files)).toMatch(
      /^The file store at 127\.0\.0\.1:\d+ cannot be used: the access key or its secret is wrong \(SignatureDoesNotMatch, 403\)\.$/,
    )
    const key = newKey()
    const attempts = [
      () => files.put(key, once('x'), PLENTY),
      () => files.put(key, numbered(20 * 2 ** 20), PLENTY),
      () => files.read(key),
      () => files.size(key),
      () => files.remove(key),
    ]
    for (const attempt of attempts) {
      const error = await attempt().catch((cause) => cause)
      expect(error).toMatchObject({ code: 'unavailable' })
      expect(Bun.inspect(error)).not.toContain(secret)
    }
  })

  test('a link signed with a wrong secret is refused', async () => {
    const settings = await s3Settings()
    const key = newKey()
    await openFiles(configOf(settings), parts).put(key, once('hello'), PLENTY)
    const files = openFiles(configOf({ ...settings, s3SecretAccessKey: secret }), parts)
    const url = await files.sign({ key, method: 'GET', expiresAt: Date.now() + 60_000, type: 'text/plain' }, { base: '', signingKey: '' })
    expect((await fetch(url)).status).toBe(403)
  })

  test('an unknown access key, a missing bucket and a bad name of one are told apart', async () => {
    const settings = await s3Settings()
    expect(await trouble(openFiles(configOf({ ...settings, s3AccessKeyId: 'test:nobody' }), parts))).toContain(
      'the access key or its secret is wrong',
    )
    const lost = openFiles(configOf({ ...settings, s3Bucket: 'no-such-bucket' }), parts)
    expect(await trouble(lost)).toContain("there is no bucket 'no-such-bucket'")
    expect(await faultOf(lost.size(newKey()))).toBe('unavailable')
    expect(await faultOf(lost.read(newKey()))).toBe('unavailable')
    expect(await trouble(openFiles(configOf({ ...settings, s3Bucket: 'B!' }), parts))).toContain("'B!' is no name of a bucket")
  })

  test('a link that is to live longer than a week is refused', async () => {
    const files = openFiles(configOf(await s3Settings()), parts)
    const request = { key: newKey(), method: 'GET', expiresAt: Date.now() + 8 * 24 * 3_600_000, type: 'text/plain' } as const
    expect(await faultOf(files.sign(request, { base: '', signingKey: '' }))).toBe('invalid')
  })
})

describe('a store that is not there', () => {
  const nowhere = { s3Bucket: 'bucket', s3AccessKeyId: 'key', s3SecretAccessKey: 'secret' }

  test('is unavailable', async () => {
    const closed = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() })
    const files = openFiles(configOf({ ...nowhere, s3Endpoint: `http://127.0.0.1:${closed.port}` }), parts)
    await closed.stop(true)
    expect(await trouble(files)).toMatch(/^The file store at 127\.0\.0\.1:\d+ cannot be reached \(\w+\)\.$/)
    expect(await faultOf(files.put(newKey(), once('x'), PLENTY))).toBe('unavailable')
  })

  test('is asked again when it failed in passing', async () => {
    let asked = 0
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () => new Response(null, { status: ++asked < 3 ? 503 : 200, headers: { 'content-length': '0' } }),
    })
    const files = openFiles(configOf({ ...nowhere, s3Endpoint: server.url.href.slice(0, -1) }), parts)
    expect(await files.size(newKey())).toBe(0)
    expect(asked).toBe(3)
    await server.stop(true)
  })

  test('never follows a redirect with what was signed', async () => {
    let followed = false
    const other = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch() {
        followed = true
        return new Response()
      },
    })
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => Response.redirect(other.url.href, 307) })
    const files = openFiles(configOf({ ...nowhere, s3Endpoint: server.url.href.slice(0, -1) }), parts)
    expect(await faultOf(files.read(newKey()))).toBe('unavailable')
    expect(followed).toBe(false)
    await Promise.all([server.stop(true), other.stop(true)])
  })

  test('an object that breaks off is a fault, not a short object', async () => {
    const server = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        data(socket) {
          socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: text/plain\r\n\r\nhalf of it')
        },
      },
    })
    const files = openFiles(configOf({ ...nowhere, s3Endpoint: `http://127.0.0.1:${server.port}` }), parts)
    expect(await faultOf(files.read(newKey()).then((stream) => new Response(stream).bytes()))).toBe('unavailable')
    server.stop(true)
  })
})

test("the SDK is loaded by the first call, not by the server's start", async () => {
  const config = configOf({ s3Bucket: 'bucket', s3Endpoint: 'http://127.0.0.1:1', s3AccessKeyId: 'a', s3SecretAccessKey: 'b' })
  const program = `
    const { openFiles } = await import(${JSON.stringify(`${import.meta.dir}/../../../src/drivers/files/files.ts`)})
    const loaded = () => Object.keys(require.cache).some((path) => path.includes('@aws-sdk/client-s3'))
    const files = openFiles(${JSON.stringify(config)}, { dir: '', log: console, clock: Date })
    const before = loaded()
    await files.sign({ key: { tenantId: crypto.randomUUID(), id: crypto.randomUUID() }, method: 'GET', expiresAt: Date.now() + 60000, type: 'a/b' })
    console.log(before, loaded())`
  const child = Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe', stderr: 'inherit' })
  expect(await new Response(child.stdout).text()).toBe('false true\n')
})
