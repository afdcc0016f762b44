import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../../src/config.ts'

/**
 * A real S3 server, one for each test process: OpenStack Swift (see s3-server.py). Its programs are looked for in the
 * folder that TEST_SWIFT names, where `.ci/swift` unpacks them, and in the system.
 */
export interface S3Server {
  url: string
  accessKeyId: string
  secretAccessKey: string
}

type FilesConfig = Config['files']
export type S3Settings = Pick<FilesConfig, 's3Bucket' | 's3Endpoint' | 's3Region' | 's3AccessKeyId' | 's3SecretAccessKey' | 's3PathStyle'>

const PYTHON = '/usr/bin/python3'
const START_MS = 60_000
const ACCESS = { accessKeyId: 'test:tester', secretAccessKey: 'testing' }

interface Running extends S3Server {
  stop(): Promise<void>
}

let running: Promise<Running> | undefined
let buckets = 0

/** Folder with Swift's programs; undefined where there are none. */
function swiftRoot(): string | undefined {
  const roots = [process.env.TEST_SWIFT ?? '', '/']
  return roots.find((root) => root !== '' && existsSync(join(root, 'usr/lib/python3/dist-packages/swift')) && existsSync(PYTHON))
}

/**
 * True where Swift is there; else the tests of `what` are skipped, and the run says why. With TETRAPORT_REQUIRE_S3=1 they
 * are not skipped, and fail.
 */
export function hasS3(what: string): boolean {
  if (swiftRoot() !== undefined || process.env.TETRAPORT_REQUIRE_S3 === '1') return true
  console.log(`skipped: ${what} needs OpenStack Swift: unpack it with ".ci/swift FOLDER" and set TEST_SWIFT=FOLDER`)
  return false
}

export function s3Server(): Promise<S3Server> {
  running ??= startSwift()
  return running
}

/** Settings of a files driver on a bucket of its own. */
export async function s3Settings(): Promise<S3Settings> {
  const server = await s3Server()
  const bucket = `bucket-${process.pid}-${++buckets}`
  const { url, ...credentials } = server
  // Every test run loads this file; few need the SDK.
  const { CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3')
  const client = new S3Client({ endpoint: url, region: 'us-east-1', forcePathStyle: true, credentials })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  client.destroy()
  return settingsOf(server, bucket)
}

export const settingsOf = (server: S3Server, bucket: string): S3Settings => ({
  s3Bucket: bucket,
  s3Endpoint: server.url,
  s3Region: 'us-east-1',
  s3AccessKeyId: server.accessKeyId,
  s3SecretAccessKey: server.secretAccessKey,
  s3PathStyle: true,
})

export async function stopS3Server(): Promise<void> {
  const started = running
  running = undefined
  const server = await started?.catch(() => undefined)
  await server?.stop()
}

async function startSwift(): Promise<Running> {
  const root = swiftRoot()
  if (root === undefined) throw new Error('OpenStack Swift is not installed: see .ci/swift')
  const folder = mkdtempSync(join(tmpdir(), 'tetraport-swift-'))
  const command = [PYTHON, join(import.meta.dir, 's3-server.py'), folder, ACCESS.accessKeyId, ACCESS.secretAccessKey]
  const child = Bun.spawn(command, { env: environment(root), stdin: 'pipe', stdout: 'pipe', stderr: Bun.file(join(folder, 'errors')) })
  const timer = setTimeout(() => child.kill('SIGKILL'), START_MS)
  const output = await firstLine(child.stdout)
  clearTimeout(timer)
  const url = /listening on (\S+)/.exec(output)?.[1]
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await child.exited
    rmSync(folder, { recursive: true, force: true })
  }
  if (url !== undefined) {
    child.unref()
    return { url, ...ACCESS, stop }
  }
  child.kill('SIGKILL')
  await child.exited
  const errors = (await Bun.file(join(folder, 'errors')).text()).slice(-2000)
  rmSync(folder, { recursive: true, force: true })
  throw new Error(`Swift did not start: ${errors}`)
}

function environment(root: string): Record<string, string> {
  const plain = { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8' }
  if (root === '/') return plain
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
  return {
    ...plain,
    PYTHONPATH: join(root, 'usr/lib/python3/dist-packages'),
    LD_LIBRARY_PATH: join(root, `usr/lib/${arch}-linux-gnu`),
  }
}

async function firstLine(output: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const bytes of output) {
    text += decoder.decode(bytes, { stream: true })
    if (text.includes('\n')) break
  }
  return text
}
