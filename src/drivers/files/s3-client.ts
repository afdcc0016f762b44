import { ListObjectsV2Command, S3Client, S3ServiceException } from '@aws-sdk/client-s3'
import { FetchHttpHandler } from '@smithy/fetch-http-handler'
import type { Config } from '../../config.ts'
import { Fault } from '../../core/fault.ts'
import { missing } from './intake.ts'

/** One command with its repetitions. */
const COMMAND_MS = 120_000
const ATTEMPTS = 3

interface Patience {
  /** For a command that takes longer than others. */
  ms?: number
  signal?: AbortSignal
}

/** The SDK's client with a bound on every wait and our faults for what goes wrong. */
export class S3Caller {
  readonly bucket: string
  /** For presigning, which sends nothing. */
  readonly client: S3Client
  private readonly where: string

  constructor(config: Config['files'], bucket: string) {
    this.bucket = bucket
    this.where = config.s3Endpoint === null ? 'Amazon S3' : new URL(config.s3Endpoint).host
    this.client = openClient(config)
  }

  async run<T>(call: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<T>, patience: Patience = {}): Promise<T> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), patience.ms ?? COMMAND_MS)
    const abortSignal = patience.signal ? AbortSignal.any([late.signal, patience.signal]) : late.signal
    try {
      return await call(this.client, { abortSignal })
    } catch (error) {
      if (late.signal.aborted) throw new Fault('unavailable', `The file store at ${this.where} did not answer in time.`)
      throw this.toFault(error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** A list of one, because unlike the answer to HEAD its refusals say what is wrong. */
  async check(): Promise<void> {
    await this.run((client, options) => client.send(new ListObjectsV2Command({ Bucket: this.bucket, MaxKeys: 1 }), options), {
      ms: CHECK_MS,
    })
  }

  /** Never with the SDK's error as its cause: that holds what was signed. */
  toFault(error: unknown): Fault {
    if (error instanceof Fault) return error
    const name = error instanceof Error ? error.name : 'unknown error'
    if (!(error instanceof S3ServiceException)) return new Fault('unavailable', this.unreachable(error, name))
    const status = error.$metadata.httpStatusCode ?? 0
    if (MISSING.has(name)) return missing()
    const reason = REASONS[name] ?? (status >= 500 ? 'it has a failure of its own' : 'it refused the request')
    return new Fault('unavailable', `The file store at ${this.where} cannot be used: ${fill(reason, this.bucket)} (${name}, ${status}).`)
  }

  private unreachable(error: unknown, name: string): string {
    if (name === 'CredentialsProviderError') return 'No credentials for the S3 store were found.'
    const code = error instanceof Error && 'code' in error ? String(error.code) : name
    return `The file store at ${this.where} cannot be reached (${code}).`
  }
}

const CHECK_MS = 10_000
const MISSING = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload'])

const REASONS: Record<string, string> = {
  SignatureDoesNotMatch: 'the access key or its secret is wrong',
  InvalidAccessKeyId: 'the access key or its secret is wrong',
  AccessDenied: 'the access key may not do this',
  NoSuchBucket: "there is no bucket '$'",
  InvalidBucketName: "'$' is no name of a bucket",
  PermanentRedirect: "the bucket '$' is in another region or at another endpoint",
  AuthorizationHeaderMalformed: 'the region is wrong',
  RequestTimeTooSkewed: 'the clocks differ too much',
}

const fill = (reason: string, bucket: string): string => reason.replace('$', () => bucket)

function openClient(config: Config['files']): S3Client {
  const { s3Endpoint, s3Region, s3AccessKeyId, s3SecretAccessKey, s3PathStyle } = config
  const hasKey = s3AccessKeyId !== null && s3SecretAccessKey !== null
  return new S3Client({
    region: s3Region,
    forcePathStyle: s3PathStyle,
    maxAttempts: ATTEMPTS,
    // Other stores than Amazon's do not know the newer checksums; what is sent is signed with its SHA-256 anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Node's client holds several copies of what it sends: twice the memory at half the speed.
    requestHandler: new FetchHttpHandler({ keepAlive: true, customFetch: fetchOnce as typeof fetch }),
    ...(s3Endpoint === null ? {} : { endpoint: s3Endpoint }),
    ...(hasKey ? { credentials: { accessKeyId: s3AccessKeyId, secretAccessKey: s3SecretAccessKey } } : {}),
  })
}

/** A signed request is good for its own address only. The name of what failed makes the SDK try again. */
async function fetchOnce(request: Request): Promise<Response> {
  try {
    return await fetch(request, { redirect: 'manual', timeout: false } as RequestInit)
  } catch (error) {
    if (request.signal.aborted || !(error instanceof Error)) throw error
    const code = 'code' in error ? error.code : error.name
    throw Object.assign(new Error('No answer.'), { name: 'TimeoutError', code })
  }
}
