import type { Db } from '../../drivers/records/port.ts'
import type { JsonObject } from '../json.ts'
import type { RunPlan } from './labels.ts'

export interface PlanRow {
  id: string
  userId: string | null
  threadId: string
  createdAt: number
  plan: RunPlan
}

interface Row {
  object_id: string
  user_id: string | null
  thread_id: string
  facts: string | null
  created_at: number
}

export const planFromFacts = (facts: JsonObject): RunPlan => facts as RunPlan

/** The thread is not removed until the end of the transaction. False: there is none. */
export async function keepThread(db: Db, tenantId: string, id: string): Promise<boolean> {
  const rows = await db.hot(`select id from thread where id = $1 and tenant_id is not distinct from $2::uuid for key share`, [id, tenantId])
  return rows.length === 1
}

/** Newest first. */
export async function readPlans(
  db: Db,
  tenantId: string,
  filter: { userId: string | null; threadId: string | null; limit: number },
): Promise<PlanRow[]> {
  const rows = await db.query<Row>(
    `select o.object_id, o.user_id, o.thread_id, o.facts, o.created_at from ownership o
    where o.tenant_id = $1 and o.kind = 'run' and ($2::uuid is null or o.user_id = $2::uuid) and ($3::uuid is null or o.thread_id = $3::uuid)
    order by o.object_id desc limit $4::int`,
    [tenantId, filter.userId, filter.threadId, filter.limit],
  )
  return rows.map((r) => ({
    ...{ id: r.object_id, userId: r.user_id, threadId: r.thread_id, createdAt: r.created_at },
    plan: planFromFacts(JSON.parse(r.facts ?? '{}') as JsonObject),
  }))
}
