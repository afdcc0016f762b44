import type { Db } from '../../drivers/records/port.ts'
import { keyset, type Page, type PageRequest, toPage, unknownCursor } from '../page.ts'
import type { RunError, StepCall, StepStatus, Usage } from './events.ts'
import { CALL_FIELDS, type CallRow, callFromRow } from './rows.ts'
import type { Run } from './runs.ts'
import type { Step } from './steps.ts'

interface Row {
  id: string
  kind: Step['kind']
  message_id: string | null
  status: StepStatus
  usage: string | null
  error: string | null
  created_at: number
  ended_at: number | null
  calls: CallRow[] | null
}

const COLUMNS = `s.id, s.kind, s.message_id, s.status, s.usage, s.error, s.created_at, s.ended_at,
  (select json_agg(json_build_object(${CALL_FIELDS}) order by c.idx)
    from tool_call c where c.step_id = s.id) as calls`

const fromRow = (run: Run, r: Row): Step => ({
  id: r.id,
  runId: run.id,
  threadId: run.threadId,
  assistantId: run.assistantId,
  kind: r.kind,
  messageId: r.message_id,
  calls: (r.calls ?? []).map(callFromRow),
  status: r.status,
  usage: r.usage === null ? null : (JSON.parse(r.usage) as Usage),
  error: r.error === null ? null : (JSON.parse(r.error) as RunError),
  createdAt: r.created_at,
  endedAt: r.ended_at,
  runExpiresAt: run.expiresAt,
})

export async function readStepRow(db: Db, run: Run, id: string): Promise<Step | undefined> {
  const rows = await db.hot<Row>(
    `select ${COLUMNS} from run_step s where s.id = $1 and s.run_id = $2 and s.tenant_id is not distinct from $3::uuid`,
    [id, run.id, run.tenantId],
  )
  return rows[0] && fromRow(run, rows[0])
}

export async function listStepRows(db: Db, run: Run, page: PageRequest): Promise<Page<Step>> {
  for (const side of ['after', 'before'] as const) {
    const id = page[side]
    if (id !== undefined && !(await readStepRow(db, run, id))) throw unknownCursor(side, id)
  }
  const keys = keyset(page, 's.created_at, s.id', (p) => `(select created_at, id from run_step where id = ${p})`, 3)
  const rows = await db.query<Row>(
    `select ${COLUMNS} from run_step s where ${['s.tenant_id = $1', 's.run_id = $2', ...keys.where].join(' and ')} order by ${keys.orderBy} limit ${keys.limit}`,
    [run.tenantId, run.id, ...keys.params],
  )
  return toPage(
    rows.map((r) => fromRow(run, r)),
    page,
    keys,
  )
}

export async function readStepUsages(db: Db, runId: string): Promise<Map<string, Usage | null>> {
  const rows = await db.hot<{ id: string; usage: string | null }>(`select id, usage from run_step where run_id = $1`, [runId])
  return new Map(rows.map((r) => [r.id, r.usage === null ? null : (JSON.parse(r.usage) as Usage)]))
}

export async function readStepCalls(db: Db, stepId: string): Promise<StepCall[]> {
  const rows = await db.hot<CallRow>(
    `select call_id, type, name, arguments, output, detail from tool_call where step_id = $1 order by idx`,
    [stepId],
  )
  return rows.map(callFromRow)
}
