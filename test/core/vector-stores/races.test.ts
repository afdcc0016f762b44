import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Caller } from '../../../src/core/caller.ts'
import { Fault } from '../../../src/core/fault.ts'
import { deleteFile } from '../../../src/core/files/removal.ts'
import { cancelBatch, createBatch } from '../../../src/core/vector-stores/batches.ts'
import { changeAttributes } from '../../../src/core/vector-stores/file-attributes.ts'
import { attachFiles, removeStoreFile } from '../../../src/core/vector-stores/store-files.ts'
import { changeStore, createStore, deleteStore } from '../../../src/core/vector-stores/stores.ts'
import { dice } from '../../contract/schema-faults.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../../support/app.ts'
import { complete, fail, jobsOf, recordFiles } from '../../support/stores.ts'

let app: TestApp
beforeAll(async () => {
  app = await openTestApp()
}, OPEN_MS)
afterAll(() => app.close())

const AT_ONCE = 6
const ROUNDS = 60

interface Row {
  store_id: string
  document_id: string
  status: string
}

/** Clients and workers that get in each other's way on a few files of a few stores. */
class Crowd {
  private stores: string[] = []
  private files: string[] = []
  private readonly batches: { storeId: string; id: string }[] = []
  readonly surprises: string[] = []

  constructor(
    private readonly caller: Caller,
    private readonly roll: (sides: number) => number,
  ) {}

  private pick<T>(of: readonly T[]): T {
    const item = of[this.roll(of.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  private async moves(): Promise<(() => Promise<unknown>)[]> {
    const { caller } = this
    while (this.stores.length < 3) this.stores.push((await createStore(app, caller, {})).id)
    while (this.files.length < 6) this.files.push(...(await recordFiles(app, caller, 1)))
    const storeId = this.pick(this.stores)
    const fileId = this.pick(this.files)
    const some = [...new Set([fileId, this.pick(this.files), this.pick(this.files)])].map((id) => ({ fileId: id }))
    return [
      () => attachFiles(app, caller, { storeId, files: some }),
      async () => this.batches.push(await createBatch(app, caller, { storeId, files: some })),
      async () => this.batches.length > 0 && cancelBatch(app, caller, this.pick(this.batches)),
      () => removeStoreFile(app, caller, { storeId, fileId }),
      () => changeAttributes(app, caller, { storeId, fileId, attributes: { a: this.roll(9) } }),
      () => changeStore(app, caller, { id: storeId, change: { name: `${this.roll(9)}` } }),
      () => this.work(complete),
      () => this.work(complete),
      () => this.work(fail),
      async () => {
        if (this.roll(4) === 0) await this.drop(this.files, fileId, () => deleteFile(app, caller, fileId))
      },
      async () => {
        if (this.roll(4) === 0) await this.drop(this.stores, storeId, () => deleteStore(app, caller, storeId))
      },
    ]
  }

  private async drop(from: string[], id: string, remove: () => Promise<void>): Promise<void> {
    if (from.includes(id)) from.splice(from.indexOf(id), 1)
    await remove()
  }

  /** What a worker does with one of the documents that wait. */
  private async work(end: (app: TestApp, of: { documentId: string }) => Promise<void>): Promise<void> {
    const waiting = (await jobsOf(app, this.caller)).filter(({ kind, begun }) => kind === 'ingest_document' && !begun)
    if (waiting.length === 0) return
    await end(app, { documentId: this.pick(waiting).subject }).catch((error: unknown) => {
      if (!/taken away|has no job|not in progress/.test(String(error))) throw error
    })
  }

  async play(): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      const move = this.pick(await this.moves())
      await move().catch((error: unknown) => {
        if (!(error instanceof Fault && error.code === 'not_found')) this.surprises.push(String(error))
      })
    }
  }
}

test(
  'whatever is done at the same time, what is in progress has its job, and what was given up has its removal',
  async () => {
    const caller = await app.newTenant()
    const roll = dice(20_261_121)
    const crowd = new Crowd(caller, roll)
    await Promise.all(Array.from({ length: AT_ONCE }, () => crowd.play()))
    expect(crowd.surprises).toEqual([])

    const { db } = app.records
    const rows = await db.query<Row>('select store_id, document_id, status from vector_store_file where tenant_id = $1', [caller.tenantId])
    const jobs = await jobsOf(app, caller)
    const subjects = (of: string) => jobs.filter(({ kind }) => kind === of).map(({ subject }) => subject)
    const pending = rows.filter(({ status }) => status === 'in_progress').map((row) => row.document_id)
    expect(subjects('ingest_document').sort()).toEqual(pending.sort())

    const written = await db.query<Row>('select distinct store_id, document_id, $2 as status from chunk where tenant_id = $1', [
      caller.tenantId,
      'written',
    ])
    expect(written.length).toBeGreaterThan(5)
    const current = new Set(rows.filter(({ status }) => status === 'completed').map((row) => row.document_id))
    const removed = new Set([...subjects('remove_document'), ...subjects('remove_store')])
    const known = new Set([...current, ...pending])
    const forgotten = written.filter((row) => !known.has(row.document_id) && !removed.has(row.document_id) && !removed.has(row.store_id))
    expect(forgotten).toEqual([])
    expect([...current].filter((document) => removed.has(document))).toEqual([])

    const lost = await db.query(
      'select 1 from vector_store_file f where tenant_id = $1 and not exists (select 1 from file where id = f.file_id)',
      [caller.tenantId],
    )
    expect(lost).toEqual([])
  },
  OPEN_MS,
)
