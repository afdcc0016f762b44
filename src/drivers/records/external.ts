import type { Log } from '../../core/needs.ts'
import { openClient } from './client.ts'
import type { Records } from './port.ts'

export interface ExternalOptions {
  url: string
  poolMax: number
  log: Log
}

/** A Postgres that somebody else runs; several servers may share it. */
export const openExternal = ({ url, poolMax, log }: ExternalOptions): Promise<Records> =>
  openClient({ url }, { poolMax, log, shared: true })
