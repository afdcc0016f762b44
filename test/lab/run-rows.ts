import type { Db } from '../../src/drivers/records/port.ts'

const TABLES: Record<string, string> = {
  run: 'select * from run where id = $1::uuid',
  thread: 'select t.* from thread t join run r on r.thread_id = t.id where r.id = $1::uuid',
  run_event: 'select * from run_event where run_id = $1::uuid order by seq',
  run_step: 'select * from run_step where run_id = $1::uuid order by id',
  tool_call: 'select * from tool_call where run_id = $1::uuid order by step_id, idx',
  message: 'select m.* from message m join run r on r.thread_id = m.thread_id where r.id = $1::uuid order by m.seq',
  checkpoint: 'select k.* from checkpoint k join run r on r.thread_id = k.thread_id where r.id = $1::uuid order by k.id',
  channel_blob:
    'select b.* from channel_blob b join run r on r.thread_id = b.thread_id where r.id = $1::uuid order by b.channel, b.version',
  checkpoint_write: `select w.* from checkpoint_write w join run r on r.thread_id = w.thread_id where r.id = $1::uuid
    order by w.checkpoint_id, w.task_id, w.idx`,
}

/** Every row that a run's owner may write, as text. */
export async function rowsOfRun(db: Db, runId: string): Promise<Record<string, string[]>> {
  const rows: Record<string, string[]> = {}
  for (const [table, statement] of Object.entries(TABLES))
    rows[table] = (await db.query(statement, [runId])).map((row) => JSON.stringify(row))
  return rows
}
