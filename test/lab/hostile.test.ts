import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostileDocuments } from '../support/documents/hostile.ts'
import { runHostileLab } from './hostile-lab.ts'

setDefaultTimeout(180_000)

/** Those that keep nobody busy for long, neither making nor reading them. */
const QUICK = /bad name|cut off|damaged \d|circle|nothing|noise|encrypted|mark|half|entity|PDF with (?:no|less)/
const SLOW = /MiB|MB|million|000|marks/

const quick = hostileDocuments().filter(({ name }) => QUICK.test(name) && !SLOW.test(name))
const every = (step: number) => quick.filter((_, i) => i % step === 0)

test('a server that is given hostile files tells what became of each, writes nothing elsewhere, and serves everybody else', async () => {
  const documents = every(7)
  expect(documents.length).toBeGreaterThan(35)
  const report = await runHostileLab({ documents, timed: false })
  expect(report.violations).toEqual([])
  const { accepted, refused } = report.uploads.names
  expect(accepted + refused).toBe(documents.length)
  expect(refused).toBeGreaterThan(0)
  expect(report.ended.completed).toBeGreaterThan(0)
  expect(report.ended.failed).toBeGreaterThan(0)
  expect(report.streams.deltas).toBeGreaterThan(0)
})

test('a file outside of the data folder, and a client’s name inside of it, are noticed', async () => {
  const { violations } = await runHostileLab({
    documents: every(100),
    timed: false,
    sabotage({ data, cwd, root }) {
      mkdirSync(join(data, 'files/C:'), { recursive: true })
      for (const path of [join(cwd, 'new.txt'), join(root, 'escaped.txt'), join(data, 'files/report.txt'), join(data, 'NUL')])
        writeFileSync(path, '')
    },
  })
  expect(violations.sort()).toEqual([
    "a client's name in the data folder: NUL",
    "a client's name in the data folder: files/C:",
    'a strange path in the data folder: files/report.txt',
    'written outside of the data folder: cwd/new.txt',
    'written outside of the data folder: escaped.txt',
  ])
})
