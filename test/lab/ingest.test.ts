import { expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Db } from '../../src/drivers/records/port.ts'
import { runIngestLab } from './ingest-lab.ts'

setDefaultTimeout(180_000)

const OPTIONS = { clients: 4, leaseMs: 1000, hurry: true }

test('no file is half there, no vector without its chunk and no document stuck when the server and its Postgres are killed', async () => {
  const report = await runIngestLab({ ...OPTIONS, records: 'embedded', kills: 2, seed: 21 })
  expect(report.violations).toEqual([])
  expect(report.kills).toBe(2)
  expect(report.documents.completed).toBeGreaterThan(0)
})

test('neither when a server on an outside Postgres is killed', async () => {
  const report = await runIngestLab({ ...OPTIONS, records: 'external', kills: 2, seed: 22 })
  expect(report.violations).toEqual([])
  expect(report.counts.broken).toBeGreaterThan(0)
})

/** One loss each, and what the checker has to say of it. */
const LOSSES: [statement: string, complaint: RegExp][] = [
  [`delete from vector_point where id = (select min(id::text)::uuid from vector_point)`, /chunk without its vector/],
  [`delete from chunk where id = (select max(id::text)::uuid from chunk)`, /vector without its chunk/],
  [
    `update vector_store_file set status = 'in_progress' where document_id = (select min(document_id::text)::uuid from vector_store_file)`,
    /document in progress/,
  ],
  [
    `update vector_store_file set status = 'failed', error_code = 'server_error', error_message = 'x' where document_id = (select max(document_id::text)::uuid from vector_store_file)`,
    /document that failed for another reason/,
  ],
  [
    `update file_object set state = 'writing', stale_at = now() + interval '1 day' where id = (select min(id::text)::uuid from file_object)`,
    /neither kept nor gone/,
  ],
  [`delete from file where id = (select max(id::text)::uuid from file)`, /kept object that nothing owns/],
  [`update file set sha256 = repeat('0', 64) where id = (select min(id::text)::uuid from file)`, /has the hash 0000/],
  [
    `insert into job (id, tenant_id, kind, subject, payload, run_at, created_at) select gen_random_uuid(), tenant_id, 'remove_store', id, '{"storeId":""}', now() + interval '1 day', now() from vector_store limit 1`,
    /job that is not done/,
  ],
]

test('the checker notices every kind of loss, in tables and in the folder of the files', async () => {
  const sabotage = async (db: Db, filesDir: string): Promise<void> => {
    const files = readdirSync(filesDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    files.sort((a, b) => (a.name < b.name ? -1 : 1))
    // Not the first or the last: the statements take those away.
    const [first, second] = [files.at(1), files.at(2)].map((entry) => join(entry?.parentPath ?? '', entry?.name ?? '')) as [string, string]
    rmSync(first)
    writeFileSync(second, 'half')
    writeFileSync(`${second}.part`, 'orphan')
    for (const [statement] of LOSSES) await db.query(statement)
  }
  const { violations } = await runIngestLab({ ...OPTIONS, records: 'external', kills: 0, seed: 5, sabotage })
  const complaints = [
    ...LOSSES.map(([, complaint]) => complaint),
    /is not in the folder/,
    /has 4 of \d+ bytes/,
    /\.part is in the folder/,
    /comes with the hash|answers 404/,
  ]
  for (const complaint of complaints)
    if (!violations.some((violation) => complaint.test(violation)))
      throw new Error(`Not noticed: ${complaint}\nbut: ${violations.join('\n').slice(0, 3000)}`)
})
