import { expect, test } from 'bun:test'
import { newId } from '../../src/core/id.ts'
import type { BlobRow } from '../../src/core/threads/checkpoints.ts'
import { blobKey, MessageLists, wholeList } from '../../src/engine/message-lists.ts'

/** A thread's values as the table has them. */
class Table {
  readonly blobs = new Map<string, BlobRow>()
  ids = 0

  put(lists: MessageLists, at: { ns?: string; version: number; ids: string[] }): BlobRow {
    const [ns, version] = [at.ns ?? '', String(at.version)]
    const { message_ids, base = null, base_ns = null, keep = null } = lists.store({ ns, channel: 'messages', version, ids: at.ids })
    const row: BlobRow = { thread_id: 't', ns, channel: 'messages', version, message_ids, base, base_ns, keep, data: null, bytes: null }
    this.blobs.set(blobKey(row), row)
    this.ids += message_ids.length
    return row
  }
  read = (row: BlobRow) => wholeList(row, this.blobs)
}
const grown = (length: number): string[] => Array.from({ length }, newId)

test('a list that grows is stored in full now and then, and what it grew by else', () => {
  const [table, lists, ids] = [new Table(), new MessageLists(), grown(8)]
  let depth = 0
  for (let version = 1; version <= 1000; version++) {
    ids.push(newId(), newId())
    const row = table.put(lists, { version, ids: [...ids] })
    expect(table.read(row).ids).toEqual(ids)
    depth = Math.max(depth, table.read(row).depth)
  }
  expect(depth).toBeGreaterThan(30)
  expect(depth).toBeLessThanOrEqual(2008 >> 4)
})

test('what is stored grows with the conversation, not with its square', () => {
  const stored = (turns: number): number => {
    const [table, lists, ids] = [new Table(), new MessageLists(), [] as string[]]
    for (let turn = 1; turn <= turns; turn++)
      for (const step of [0, 1]) {
        ids.push(newId())
        table.put(lists, { version: turn * 2 + step, ids: [...ids] })
      }
    return table.ids / turns
  }
  const [short, long] = [stored(500), stored(4000)]
  expect(long).toBeLessThan(short * 1.5)
  expect(long).toBeLessThan(40)
})

test('whatever is cut, changed, put between or forked comes back as it went', () => {
  const [table, lists] = [new Table(), new MessageLists()]
  let seed = 7
  const chance = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % below
  }
  let ids = grown(20)
  const kept: { row: BlobRow; ids: string[] }[] = []
  for (let version = 1; version <= 400; version++) {
    const at = chance(ids.length + 1)
    const kind = chance(20)
    if (kind < 3) ids = ids.slice(0, at)
    else if (kind < 6) ids = [...ids.slice(0, at), newId(), ...ids.slice(at)]
    else if (kind < 7) ids = [...(kept[chance(Math.max(1, kept.length))]?.ids ?? [])]
    else ids = [...ids, ...grown(1 + chance(3))]
    kept.push({ row: table.put(lists, { version, ids: [...ids] }), ids: [...ids] })
  }
  for (const { row, ids: whole } of kept) expect(table.read(row).ids).toEqual(whole)
})

test("a subgraph's list builds on that of the graph around it", () => {
  const [table, lists, ids] = [new Table(), new MessageLists(), grown(100)]
  table.put(lists, { version: 1, ids })
  const inner = table.put(lists, { ns: 'a:1|b:2', version: 1, ids: [...ids, newId()] })
  expect(inner).toMatchObject({ base: '1', base_ns: '', keep: 100 })
  expect(table.read(inner).ids.slice(0, 100)).toEqual(ids)
})

test('a list of another thread is never the beginning of one', () => {
  const [table, lists] = [new Table(), new MessageLists()]
  table.put(lists, { version: 1, ids: grown(50) })
  expect(table.put(lists, { version: 2, ids: grown(50) }).base).toBeNull()
})

test('what was forgotten is not built on', () => {
  const [table, lists, ids] = [new Table(), new MessageLists(), grown(50)]
  table.put(lists, { version: 1, ids })
  lists.forget()
  expect(table.put(lists, { version: 2, ids: [...ids, newId()] }).base).toBeNull()
})

test('a list whose beginning is gone is an error, not a shorter list', () => {
  const [table, lists, ids] = [new Table(), new MessageLists(), grown(50)]
  table.put(lists, { version: 1, ids })
  const row = table.put(lists, { version: 2, ids: [...ids, newId()] })
  table.blobs.delete(blobKey({ ...row, version: '1' }))
  expect(() => table.read(row)).toThrow('begins with a version')
})
