import type { Caller } from '../caller.ts'
import { isUuid } from '../id.ts'
import { requireOperator } from '../identity/users.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { AuditName } from './audit.ts'
import { findEvent, type ListedRow, listEventRows } from './store.ts'

/** An event as it is read, with what tenant and user are called today; null: gone, or nobody. */
export interface ListedEvent {
  id: string
  /** Milliseconds since the epoch. */
  at: number
  tenantId: string | null
  tenantSlug: string | null
  userId: string | null
  email: string | null
  event: string
  result: string
  reason: string | null
  /** SHA-256 of the address it came from. */
  ipHash: string | null
  userAgent: string | null
  details: JsonObject | null
}

export interface AuditSearch {
  /** Absent: of all tenants, and of none. */
  tenantId?: string
  /** Absent or empty: all. */
  events?: readonly AuditName[]
  /** Milliseconds since the epoch. */
  since?: number
  /** Only what comes behind this event, which is older. */
  after?: string
  limit: number
}

/** For whoever runs the server. Newest first. Undefined: there is no event `after`. */
export async function listAuditEvents(
  app: Needs<'db'>,
  caller: Caller,
  { tenantId, events = [], since, after, limit }: AuditSearch,
): Promise<ListedEvent[] | undefined> {
  requireOperator(caller)
  const place = after !== undefined && isUuid(after) ? await findEvent(app.db, after) : undefined
  if (after !== undefined && !place) return undefined
  return (await listEventRows(app.db, { tenantId, events, since, after: place, limit })).map(fromRow)
}

const fromRow = ({ details, ...row }: ListedRow): ListedEvent => ({
  ...row,
  details: details === null ? null : (JSON.parse(details) as JsonObject),
})
