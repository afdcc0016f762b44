import { expect, test } from 'bun:test'
import { EventEmitter } from 'node:events'
import { StrayErrors } from '../../../src/engine/graphs/stray-errors.ts'
import { RecordedLog } from '../../support/app.ts'

function opened() {
  const emitter = new EventEmitter()
  const log = new RecordedLog()
  const crashes: unknown[] = []
  const strays = new StrayErrors(log, emitter as unknown as NodeJS.Process, (cause) => void crashes.push(cause))
  strays.catch('/p')
  return { emitter, log, crashes, strays }
}
const thrownIn = (file: string): Error => Object.assign(new Error('x'), { stack: `Error: x\n    at f (${file}:1:1)` })

test('an error of the project that nobody waits for is logged, and the server goes on', () => {
  const { emitter, log, crashes } = opened()
  emitter.emit('unhandledRejection', new Error('x'))
  emitter.emit('uncaughtException', thrownIn('/p/graph.ts'))
  expect(log.entries.map(({ event }) => event)).toEqual(['graphs.unhandled_rejection', 'graphs.uncaught_error'])
  expect(crashes).toEqual([])
})

test('an error from elsewhere ends the process as it would without graphs', () => {
  const { emitter, log, crashes } = opened()
  const error = thrownIn('/project/graph.ts')
  emitter.emit('uncaughtException', error)
  expect(crashes).toEqual([error])
  expect(log.entries).toEqual([])
  expect(emitter.eventNames()).toEqual([])
})

test('nothing is caught once it is closed', () => {
  const { emitter, strays } = opened()
  strays.close()
  expect(emitter.eventNames()).toEqual([])
})
