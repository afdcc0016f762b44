import type { Config } from '../../config.ts'
import type { Clock, Log } from '../../core/needs.ts'
import { LocalFiles } from './local.ts'
import type { Files } from './port.ts'
import type { S3Files, S3Options } from './s3.ts'

export interface FilesParts {
  /** Folder of the local adapter. */
  dir: string
  log: Log
  clock: Clock
}

/** Nothing is reached or made before the first call. */
export function openFiles(config: Config['files'], { dir, log, clock }: FilesParts): Files {
  if (config.s3Bucket !== null) return openS3({ config, bucket: config.s3Bucket, clock, log })
  return new LocalFiles({ dir, diskReserveBytes: config.diskReserveBytes })
}

/** The SDK is loaded by the first call: a server without S3 starts without its weight. */
function openS3(options: S3Options): Files {
  let opened: Promise<S3Files> | undefined
  const store = (): Promise<S3Files> => {
    opened ??= import('./s3.ts').then(({ S3Files }) => new S3Files(options))
    return opened
  }
  return {
    kind: 's3',
    put: async (...args) => (await store()).put(...args),
    read: async (...args) => (await store()).read(...args),
    size: async (...args) => (await store()).size(...args),
    remove: async (...args) => (await store()).remove(...args),
    sign: async (request) => (await store()).sign(request),
    check: async () => (await store()).check(),
    close: async () => (await opened)?.close(),
  }
}
