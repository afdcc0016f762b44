import { expect, setDefaultTimeout, test } from 'bun:test'
import type { Db } from '../../src/drivers/records/port.ts'
import { runLab } from './lab.ts'

setDefaultTimeout(60_000)

/** One loss each, and what the checker has to say of it. */
const LOSSES: [statement: string, complaint: RegExp][] = [
  [
    `delete from message where id = (select id from message where metadata ? 'tag' order by id limit 1)`,
    /^acknowledged message .* is missing$/,
  ],
  [`update message set content = '"other"' where role = 'assistant' and content not in ('""', '[]')`, /was shown completed as/],
  [
    `insert into thread (id, tenant_id, metadata, created_at, updated_at) select gen_random_uuid(), tenant_id, metadata, created_at, updated_at from thread order by id limit 1`,
    /^thread .* took effect 2 times$/,
  ],
  [
    `update run_event set seq = seq + 50 where (run_id, seq) = (select run_id, max(seq) from run_event group by 1 order by 1 limit 1)`,
    /segment at \d+ after/,
  ],
  [
    `update run_event set data = replace(data, '"status":"completed"', '"status":"failed"') where (run_id, seq) =
      (select e.run_id, max(seq) from run_event e join run r on r.id = e.run_id and r.status = 'completed' group by 1 order by 1 desc limit 1)`,
    /^journal of .* and the row says completed$/,
  ],
  [
    `update run_event set data = replace(data, '"text":"', '"text":"!') where (run_id, seq) =
      (select run_id, seq from run_event where data like '%"text":"%' order by run_id desc, seq limit 1)`,
    /^stream of .*: frame \d+ was/,
  ],
  [
    `update thread set head_id = gen_random_uuid() where id = (select id from thread where head_id is not null order by id limit 1)`,
    /head does not exist/,
  ],
  [`update thread set run_id = (select id from run limit 1) where id = (select max(id::text)::uuid from thread)`, /locked by an ended run/],
  [`update run_step set status = 'in_progress' where id = (select id from run_step limit 1)`, /step in progress of an ended run/],
  [
    `delete from tool_call where run_id = (select run_id from tool_call where output is not null order by run_id limit 1)`,
    /^output of .* acknowledged was/,
  ],
]

test('the checker of the lab notices every kind of loss, and nothing else', async () => {
  const options = { records: 'external' as const, kills: 0, seed: 5, clients: 20, leaseMs: 1000, finely: false }
  const sabotage = async (db: Db): Promise<void> => {
    for (const [statement] of LOSSES) await db.query(statement)
  }
  const { violations } = await runLab({ ...options, sabotage })
  for (const [statement, complaint] of LOSSES)
    if (!violations.some((violation) => complaint.test(violation)))
      throw new Error(`Not noticed: ${statement}\nbut: ${violations.join('\n').slice(0, 3000)}`)
  expect(violations.length).toBeGreaterThanOrEqual(LOSSES.length)
})
