import { expect, test } from 'bun:test'
import { markProcess, standsAt } from '../../src/http/process-marks.ts'

test('an answer is marked with a new id and with seconds of four decimals', () => {
  const headers = new Headers({ 'x-correlation-id': 'of somebody else' })
  const { correlationId } = markProcess(headers, 12.3456)
  expect(headers.get('x-correlation-id')).toBe(correlationId)
  expect(headers.get('x-process-time')).toBe('0.0123')
  expect(markProcess(headers, 0).correlationId).not.toBe(correlationId)
})

test('a path stands under a prefix or beside it, not where the prefix only begins it', () => {
  const isHere = standsAt('/api/v1', ['/', '/health'])
  for (const path of ['/api/v1', '/api/v1/auth/token', '/', '/health']) expect([path, isHere(path)]).toEqual([path, true])
  for (const path of ['/api/v10', '/api', '/health/x', '/v1']) expect([path, isHere(path)]).toEqual([path, false])
})
