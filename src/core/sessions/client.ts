import { hashSecret } from '../identity/secrets.ts'

/** Who calls, as the connection and the request say. */
export interface Client {
  ip: string | null
  userAgent: string | null
}

/** Tells one device from another without naming either; null where nothing is known of it. */
export const fingerprintOf = ({ ip, userAgent }: Client): string | null =>
  ip === null && userAgent === null ? null : hashSecret(`${ip ?? ''}\n${userAgent ?? ''}`)
