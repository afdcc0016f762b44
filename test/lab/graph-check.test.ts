import { expect, setDefaultTimeout, test } from 'bun:test'
import type { Db } from '../../src/drivers/records/port.ts'
import type { GraphHistory } from './graph-history.ts'
import { runGraphLab } from './graph-lab.ts'

setDefaultTimeout(120_000)

type Loss = [break_: string | ((history: GraphHistory) => string | undefined), complaint: RegExp]

/** A run of a walker that came to its end and left all its lines: of those the newest, as older ones are built upon. */
const RUN = `(select r.id from run r join thread t on t.id = r.thread_id where r.status = 'completed' and r.metadata ->> 'tag' like 'run-w%' order by r.id limit 1)`

/** One loss each, and what the checker has to say of it. */
const LOSSES: Loss[] = [
  [`delete from run where id = ${RUN}`, /^acknowledged run .* is missing$/],
  [
    `insert into thread (id, tenant_id, metadata, created_at, updated_at) select gen_random_uuid(), tenant_id, metadata, created_at, updated_at from thread
      where metadata ->> 'tag' like 'thread-%' and not metadata ? 'thread_id' order by id limit 1`,
    /^thread thread-.* took effect 2 times$/,
  ],
  [
    `update thread set head_id = (select c.parent_id from checkpoint c where c.thread_id = thread.id and c.ns = '' and c.id = thread.head_id)
      where id = (select r.thread_id from run r join thread t on t.id = r.thread_id join checkpoint c on c.thread_id = t.id and c.ns = '' and c.id = t.head_id
        where c.run_id = r.id and c.parent_id is not null and r.status = 'completed' and r.metadata ->> 'tag' like 'run-w%'
          and r.call::json ->> 'graph' = 'work' and t.metadata ->> 'tag' like 'thread-%' order by r.id desc limit 1)`,
    /thread whose head is not its newest state/,
  ],
  [
    `delete from checkpoint where (thread_id, ns, id) = (select t.id, '', t.head_id from run r join thread t on t.id = r.thread_id
        join checkpoint c on c.thread_id = t.id and c.ns = '' and c.id = t.head_id
      where c.run_id = r.id and r.status = 'completed' and r.metadata ->> 'tag' like 'run-w%' and r.call::json ->> 'graph' = 'work'
        and t.metadata ->> 'tag' like 'thread-%' order by r.id limit 1)`,
    /ends after \d+ of \d+ lines/,
  ],
  [`update thread set next_at = '9999-01-01' where id = (select max(id::text)::uuid from thread)`, /thread that looks for a next run/],
  [
    `update run set status = 'queued', ready = false, ended_at = null where id = (select id from run where status = 'completed' and metadata ->> 'tag' like 'run-x%' order by id limit 1)`,
    /run that has not ended/,
  ],
  [
    `update thread set run_id = (select id from run limit 1) where id = (select min(id::text)::uuid from thread)`,
    /thread that is held by an ended run/,
  ],
  [
    ({ watched }) =>
      `update run_event set data = replace(data, '"type":"mode","mode":"', '"type":"mode","mode":"x') where (run_id, seq) =
        (select run_id, seq from run_event where data like '%"type":"mode"%' and run_id = any('{${watched.map(({ run }) => run).join(',')}}') order by run_id, seq limit 1)`,
    /^(stream|replay) of .*/,
  ],
  [
    `update run_event set seq = seq + 50 where (run_id, seq) = (select run_id, max(seq) from run_event group by 1 order by 1 limit 1)`,
    /segment at \d+ after/,
  ],
  [
    `insert into checkpoint_write (tenant_id, thread_id, ns, checkpoint_id, task_id, idx, path, channel, data)
      select tenant_id, thread_id, ns, gen_random_uuid(), 'task', 0, '', 'lines', '[]' from checkpoint limit 1`,
    /write for a checkpoint that does not exist/,
  ],
  [
    `insert into channel_blob (tenant_id, thread_id, ns, channel, version, data) select tenant_id, thread_id, ns, 'lines', '999', '[]' from channel_blob limit 1`,
    /value that no checkpoint names/,
  ],
  [
    `insert into checkpoint (tenant_id, thread_id, ns, id, parent_id, run_id, step, source, versions, seen, metadata, created_at, v)
      select tenant_id, thread_id, ns, gen_random_uuid(), id, gen_random_uuid(), step, source, versions, seen, metadata, created_at, v from checkpoint limit 1`,
    /checkpoint of a run that is gone/,
  ],
  [
    `update item set value = '{"said":"other"}' where (namespace, key) = (select namespace, key from item where namespace like 'lab.i%' limit 1)`,
    /^item .* is .*other/,
  ],
  [
    `insert into run (id, tenant_id, thread_id, assistant_id, assistant_version_id, status, options, metadata, run_at, created_at, ended_at)
      select gen_random_uuid(), tenant_id, thread_id, assistant_id, assistant_version_id, status, options, metadata, run_at, created_at, ended_at from run
      where metadata ->> 'tag' like 'run-%' and status = 'completed' order by id limit 1`,
    /^run run-.* took effect 2 times$/,
  ],
  [
    ({ answers }) => {
      Object.assign(answers.find(({ sent }) => sent.task.graph === 'work') ?? {}, { values: { lines: [] } })
      return undefined
    },
    /^answer of .* has not the lines/,
  ],
  [
    ({ runs }) => {
      Object.assign(runs.findLast(({ id, task, mayVanish }) => id !== null && task.graph === 'work' && !mayVanish) ?? {}, { webhook: true })
      return undefined
    },
    /^nobody was told that run/,
  ],
]

test('the checker of the lab notices every kind of loss of what graphs do', async () => {
  const options = {
    records: 'external' as const,
    replicas: 1,
    kills: 0,
    seed: 5,
    clients: 10,
    leaseMs: 2000,
    finely: false,
    refusing: false,
  }
  const sabotage = async (db: Db, history: GraphHistory): Promise<void> => {
    for (const [loss] of LOSSES) {
      const statement = typeof loss === 'string' ? loss : loss(history)
      if (statement && (await db.query(`${statement} returning 1`)).length === 0)
        throw new Error(`There was nothing to break: ${statement}`)
    }
  }
  const { violations } = await runGraphLab({ ...options, sabotage })
  const missed = LOSSES.filter(([, complaint]) => !violations.some((violation) => complaint.test(violation)))
  if (missed.length > 0)
    throw new Error(`Not noticed: ${missed.map(([loss]) => loss).join('\n')}\nbut: ${violations.join('\n').slice(0, 4000)}`)
  expect(violations.length).toBeGreaterThanOrEqual(LOSSES.length)
})
