import { expect, test } from 'bun:test'
import { Fault } from '../../src/core/fault.ts'
import { askedOf, faultOf } from '../../src/http/asked.ts'
import { RecordedLog } from '../support/app.ts'

const request = new Request('http://localhost/v1/x?secret=1', { method: 'POST', headers: { 'x-request-id': 'r1' } })

test('of a request the log gets method, path and id, and not its query', () => {
  expect(askedOf(request)).toEqual({ method: 'POST', path: '/v1/x', requestId: 'r1' })
})

test('a fault stays what it is; anything else is logged with its cause and told as an internal one', () => {
  const log = new RecordedLog()
  const told = { asked: askedOf(request), log, sorry: 'Sorry.' }
  const fault = new Fault('forbidden', 'No.')
  expect(faultOf(fault, told)).toBe(fault)
  expect(log.entries).toEqual([])
  const cause = new Error('broke')
  expect(faultOf(cause, told)).toMatchObject({ code: 'internal', message: 'Sorry.' })
  expect(log.entries).toEqual([{ level: 'error', event: 'request.failed', fields: { ...told.asked, cause } }])
})
