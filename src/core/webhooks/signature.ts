import { createHmac } from 'node:crypto'
import { signingKey } from '../identity/signing.ts'
import type { Needs } from '../needs.ts'

const PREFIX = 'whsec_'

/**
 * What a tenant's webhooks are signed with, as Standard Webhooks spells it. Derived, because receivers know it, and whoever
 * knows the tenant's own key can sign links to its files.
 */
export async function webhookSecret(app: Needs<'db'>, tenantId: string): Promise<string> {
  const key = createHmac('sha256', await signingKey(app, tenantId))
    .update('webhooks')
    .digest('base64')
  return PREFIX + key
}

export interface SignedMessage {
  id: string
  /** Seconds since the epoch. */
  timestamp: number
  body: string
}

/** The headers of Standard Webhooks. */
export function signatureHeaders(secret: string, { id, timestamp, body }: SignedMessage): Record<string, string> {
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': `v1,${signature}` }
}
