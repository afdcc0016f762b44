import { expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import { Batcher, runAlone } from '../../../src/drivers/records/batch.ts'
import type { Db, Statement } from '../../../src/drivers/records/port.ts'

const noDb = {} as Db

/** Doubles numbers, refuses negative ones, and ends an execution only when the test says so. */
function doubling(options: { lanes: number; itemsMax: number; gated?: boolean }) {
  const executions: number[][] = []
  const gates: (() => void)[] = []
  const statement: Statement<number, number> = {
    name: 'double',
    lanes: options.lanes,
    itemsMax: options.itemsMax,
    async run(_db, items) {
      executions.push(items)
      if (options.gated) await new Promise<void>((open) => gates.push(open))
      if (items.some((item) => item < 0)) throw new Error('negative')
      return items.map((item) => item * 2)
    },
  }
  return { statement, executions, gates }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('items that arrive in one turn share an execution and get their own results', async () => {
  const { statement, executions } = doubling({ lanes: 1, itemsMax: 10 })
  const batcher = new Batcher(noDb)
  expect(await Promise.all([1, 2, 3].map((item) => batcher.submit(statement, item)))).toEqual([2, 4, 6])
  expect(executions).toEqual([[1, 2, 3]])
})

test('items that arrive while every lane is busy go together in the next execution', async () => {
  const { statement, executions, gates } = doubling({ lanes: 1, itemsMax: 10, gated: true })
  const batcher = new Batcher(noDb)
  const first = batcher.submit(statement, 1)
  await turn()
  const later = [2, 3].map((item) => batcher.submit(statement, item))
  await turn()
  expect(executions).toEqual([[1]])
  gates[0]?.()
  await first
  await turn()
  expect(executions).toEqual([[1], [2, 3]])
  gates[1]?.()
  expect(await Promise.all(later)).toEqual([4, 6])
})

test('no execution takes more than itemsMax, and no more than the lanes run at once', async () => {
  const { statement, executions, gates } = doubling({ lanes: 2, itemsMax: 2, gated: true })
  const batcher = new Batcher(noDb)
  const all = [1, 2, 3, 4, 5].map((item) => batcher.submit(statement, item))
  await turn()
  expect(executions).toEqual([
    [1, 2],
    [3, 4],
  ])
  gates[0]?.()
  await turn()
  expect(executions[2]).toEqual([5])
  for (const open of gates) open()
  expect(await Promise.all(all)).toEqual([2, 4, 6, 8, 10])
})

test('a refused item does not fail its neighbours', async () => {
  const { statement } = doubling({ lanes: 1, itemsMax: 10 })
  const batcher = new Batcher(noDb)
  const results = await Promise.allSettled([1, 2, -3, 4].map((item) => batcher.submit(statement, item)))
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
})

test('a batch without an answer is not done again', async () => {
  let executions = 0
  const statement: Statement<number, number> = {
    name: 'lost',
    lanes: 1,
    itemsMax: 10,
    run: async () => {
      executions++
      throw new Fault('unavailable', 'connection lost')
    },
  }
  const batcher = new Batcher(noDb)
  const results = await Promise.allSettled([1, 2, 3].map((item) => batcher.submit(statement, item)))
  expect(results.every((result) => result.status === 'rejected')).toBe(true)
  expect(executions).toBe(1)
})

test('a statement that answers too few results fails all its items', async () => {
  const statement: Statement<number, number> = { name: 'short', lanes: 1, itemsMax: 10, run: async () => [1] }
  const batcher = new Batcher(noDb)
  const results = await Promise.allSettled([1, 2].map((item) => batcher.submit(statement, item)))
  expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected'])
})

test('alone, a statement runs at once with its one item', async () => {
  const { statement, executions } = doubling({ lanes: 1, itemsMax: 10 })
  expect(await runAlone(noDb, statement, 21)).toBe(42)
  expect(executions).toEqual([[21]])
})
