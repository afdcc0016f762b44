import { describe, expect, test } from 'bun:test'
import { type LogLevel, openLog } from '../src/log.ts'

function logged(format: 'text' | 'json', level: LogLevel = 'info') {
  let lines = ''
  const sink = {
    write: (text: string) => {
      lines += text
    },
    flush: () => undefined,
  }
  const log = openLog({ level, format, clock: { now: () => Date.UTC(2030, 0, 1) }, sink })
  return { log, read: () => lines }
}

describe('lines', () => {
  test('text lines hold time, level, event and fields', () => {
    const { log, read } = logged('text')
    log.info('request', { path: '/v1/threads', status: 200, id: undefined, note: 'two words' })
    expect(read()).toBe('2030-01-01T00:00:00.000Z info  request path=/v1/threads status=200 note="two words"\n')
  })

  test('json lines are one object each', () => {
    const { log, read } = logged('json')
    log.warn('run.slow', { ms: 3 })
    expect(JSON.parse(read())).toEqual({ time: '2030-01-01T00:00:00.000Z', level: 'warn', event: 'run.slow', ms: 3 })
  })

  test('lines below the level are not written', () => {
    const { log, read } = logged('text', 'warn')
    log.debug('a')
    log.info('b')
    log.error('c')
    expect(read()).toContain('error c')
    expect(read().split('\n')).toHaveLength(2)
  })

  test('nothing a client sends can begin a line of its own', () => {
    const { log, read } = logged('text')
    log.info('request', { path: '/a\n2030-01-01 error forged="1"' })
    expect(read().split('\n')).toHaveLength(2)
  })
})

describe('causes', () => {
  test('an error is told with what caused it', () => {
    const { log, read } = logged('text')
    log.error('failed', { cause: new Error('outer', { cause: Object.assign(new Error('inner'), { code: 'ECONNRESET' }) }) })
    expect(read()).toContain('Error: outer <- Error: inner (ECONNRESET)')
  })

  test('credentials are blotted out', () => {
    const { log, read } = logged('json')
    const message = 'postgres://me:hunter2@db/x refused; Authorization: Bearer hunter2; key sk-hunter2hunter2'
    log.error('failed', { cause: new Error(message) })
    expect(read()).not.toContain('hunter2')
    expect(read()).toContain('postgres://me:********@db/x')
  })
})
