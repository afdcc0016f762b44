import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readId } from '../../src/core/id.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { Db } from '../../src/drivers/records/port.ts'
import type { IngestHistory, Known, LabStore } from './ingest-history.ts'
import { download } from './ingest-wire.ts'
import { request } from './wire.ts'

/** What must hold of the tables once all is settled, each statement answering the rows that break it. */
const RULES: Record<string, string> = {
  'object that is neither kept nor gone': `select id, state, stale_at from file_object where state <> 'kept'`,
  'kept object that nothing owns': `select o.id from file_object o where o.state = 'kept' and not exists (select 1 from file f where f.object_id = o.id)
    and not exists (select 1 from upload_part p where p.object_id = o.id)`,
  'file without its object': `select f.id from file f where not exists (select 1 from file_object o where o.id = f.object_id and o.state = 'kept'
    and o.bytes = f.bytes and o.sha256 = f.sha256)`,
  'part without its object': `select p.id from upload_part p where not exists (select 1 from file_object o where o.id = p.object_id and o.state = 'kept')`,
  'document in progress': `select document_id, created_at from vector_store_file where status = 'in_progress'`,
  'job that is not done': `select kind, subject, attempt, run_at, error from job`,
  'document of a file that is gone': `select x.document_id from vector_store_file x where not exists (select 1 from file f where f.id = x.file_id)`,
  'document that failed for another reason than interruptions': `select document_id, error_code, error_message from vector_store_file
    where status = 'failed' and error_message not like '%was interrupted%'`,
  'chunk of a document that no store has completed': `select c.id, c.document_id from chunk c
    where not exists (select 1 from vector_store_file x where x.document_id = c.document_id and x.status = 'completed')`,
  'completed document with other chunks than it counts': `select x.document_id, x.chunks from vector_store_file x where x.status = 'completed'
    and (x.chunks = 0 or x.chunks <> (select count(*) from chunk c where c.document_id = x.document_id)
      or x.chunks <> (select max(c.idx) + 1 from chunk c where c.document_id = x.document_id))`,
  'vector without its chunk': `select v.id from vector_point v
    where not exists (select 1 from chunk c where c.id = v.id and c.document_id = v.document_id and c.store_id = v.store_id)`,
  'chunk without its vector': `select c.id from chunk c where not exists (select 1 from vector_point v where v.id = c.id)`,
  'document of the vectors that no store has': `select d.document_id from vector_document d where not d.removed
    and not exists (select 1 from vector_store_file x where x.document_id = d.document_id and x.status = 'completed')`,
  'answered request with an idempotency key without an answer': `select key, route from idempotency where answer is null`,
}

const SHOWN_MAX = 3

export async function checkTables(db: Db): Promise<string[]> {
  const broken: string[] = []
  for (const [rule, statement] of Object.entries(RULES)) {
    const rows = await db.query(statement)
    if (rows.length > 0) broken.push(`${rows.length} x ${rule}: ${JSON.stringify(rows.slice(0, SHOWN_MAX))}`)
  }
  return broken
}

/** The folder holds the objects that are kept, whole, and nothing else. */
export async function checkFolder(db: Db, dir: string): Promise<string[]> {
  const rows = await db.query<{ id: string; bytes: number }>(`select id, bytes from file_object where state = 'kept'`)
  const kept = new Map(rows.map(({ id, bytes }) => [id, bytes]))
  const violations: string[] = []
  const found = new Set<string>()
  for (const entry of filesIn(dir)) {
    found.add(entry.name)
    const bytes = kept.get(entry.name)
    if (bytes === undefined) violations.push(`${entry.name} is in the folder of the files and is no kept object`)
    else if (Bun.file(entry.path).size !== bytes) violations.push(`object ${entry.name} has ${Bun.file(entry.path).size} of ${bytes} bytes`)
  }
  for (const id of kept.keys()) if (!found.has(id)) violations.push(`object ${id} is not in the folder of the files`)
  return violations
}

function filesIn(dir: string): { name: string; path: string }[] {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name, parentPath }) => ({ name, path: join(parentPath, name) }))
}

const AT_ONCE = 8

async function each<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let next = left.next(); !next.done; next = left.next()) await work(next.value)
    }),
  )
}

const fits = (state: Known, status: number): boolean =>
  state === 'unknown' ? status === 200 || status === 404 : status === (state === 'there' ? 200 : 404)

/** What was acknowledged is there as it was sent; what was taken away is not; nothing took effect twice. */
export async function checkFiles(base: string, { db, history }: { db: Db; history: IngestHistory }): Promise<string[]> {
  const violations = history.complaints.slice()
  const rows = await db.query<{ id: string; filename: string; sha256: string }>('select id, filename, sha256 from file')
  const byTag = Map.groupBy(rows, ({ filename }) => filename)
  for (const [tag, files] of byTag) {
    const sent = history.sent.get(tag)
    if (!sent) violations.push(`file ${tag} was never sent`)
    if (sent?.keyed && files.length > 1) violations.push(`file ${tag}, sent with a key, is there ${files.length} times`)
    for (const { id, sha256 } of files) if (sent && sha256 !== sent.sha256) violations.push(`file ${id} (${tag}) has the hash ${sha256}`)
  }
  const wanted = new Map(rows.map(({ id, filename }) => [id, { tag: filename, state: 'there' as Known }]))
  for (const { id, tag, state } of history.files) wanted.set(readId('file-', id) ?? id, { tag, state })
  await each(wanted, async ([id, { tag, state }]) => {
    const { status, sha256 } = await download(base, `file-${id.replaceAll('-', '')}`)
    if (!fits(state, status)) violations.push(`file ${tag} is ${state} and answers ${status}`)
    if (status === 200 && sha256 !== history.sent.get(tag)?.sha256) violations.push(`file ${tag} comes with the hash ${sha256}`)
  })
  return violations
}

const SEARCHED_PER_STORE = 2

export async function checkStores(base: string, history: IngestHistory): Promise<string[]> {
  const violations: string[] = []
  await each(history.stores, async (store) => {
    const { status, body } = await request(base, { path: `/v1/vector_stores/${store.id}` })
    if (!fits(store.state, status)) violations.push(`store ${store.id} is ${store.state} and answers ${status}`)
    if (status !== 200) return
    if (body.status !== 'completed') violations.push(`store ${store.id} is ${body.status}: ${JSON.stringify(body.file_counts)}`)
    violations.push(...(await checkMembers(base, { store, history })))
  })
  await each(history.batches, async ({ store, id, cancelled }) => {
    const { status, body } = await request(base, { path: `/v1/vector_stores/${store.id}/file_batches/${id}` })
    if (status === 200 && body.status === 'in_progress') violations.push(`batch ${id} is in progress`)
    if (status === 200 && body.status === 'cancelled' && !cancelled) violations.push(`batch ${id} is cancelled and nobody asked for it`)
    if (status !== 200 && !(status === 404 && store.state !== 'there'))
      violations.push(`batch ${id} of ${store.state} ${store.id} answers ${status}`)
  })
  return violations
}

async function checkMembers(base: string, { store, history }: { store: LabStore; history: IngestHistory }): Promise<string[]> {
  const violations: string[] = []
  const words = new Map(history.files.map(({ id, tag }) => [id, history.sent.get(tag)?.word]))
  let searched = 0
  for (const [id, state] of store.files) {
    const { status, body } = await request(base, { path: `/v1/vector_stores/${store.id}/files/${id}` })
    if (!fits(state, status)) violations.push(`file ${id} in ${store.id} is ${state} and answers ${status}: ${JSON.stringify(body)}`)
    const word = words.get(id)
    if (status !== 200 || body.status !== 'completed' || word === undefined || searched++ >= SEARCHED_PER_STORE) continue
    const found = await request(base, { path: `/v1/vector_stores/${store.id}/search`, body: { query: word } })
    const [first] = (found.body.data ?? []) as JsonObject[]
    if (first?.file_id !== id)
      violations.push(`${word} in ${store.id}: ${found.status}, found ${first?.file_id ?? 'nothing'} instead of ${id}`)
  }
  return violations
}
