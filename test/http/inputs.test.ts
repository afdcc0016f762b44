import { expect, test } from 'bun:test'
import { Type as t } from '@sinclair/typebox'
import { findFlaw } from '../../src/http/flaw.ts'
import { inputsIn } from '../../src/http/inputs.ts'

const Uuid = t.String({ format: 'uuid' })
const ID = '0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee'

const { takes, asks, paths } = inputsIn({
  requireValid(schema, value, place) {
    const flaw = findFlaw(schema, value)
    if (flaw) throw new Error(`${place}: ${flaw.path.join('.')}`)
  },
  unreadable: (name) => new Error(`cannot read ${name}`),
})

const read = (side: ReturnType<typeof takes>['body'], value: unknown) => side['~standard'].validate(value)

test('a UUID in capitals is read as the one it is, wherever it stands', async () => {
  const sent = () => ({ id: ID.toUpperCase() })
  expect(await read(takes(t.Object({ id: Uuid })).body, sent())).toEqual({ value: { id: ID } })
  expect(asks(t.Object({ id: Uuid })).query['~standard'].validate(sent())).toEqual({ value: { id: ID } })
  expect(paths({ id: Uuid }).params['~standard'].validate(sent())).toEqual({ value: { id: ID } })
})

test('what breaks its schema is refused in the words of the dialect, with its place', async () => {
  await expect(read(takes(t.Object({ id: Uuid })).body, {})).rejects.toThrow('body: id')
  expect(() => asks(t.Object({ id: Uuid })).query['~standard'].validate({ id: 'x' })).toThrow('query: id')
  expect(() => paths({ id: Uuid }).params['~standard'].validate({ id: 'x' })).toThrow('path: id')
})

test('a part of the path that cannot be decoded is told before it is compared', () => {
  expect(() => paths({ id: Uuid }).params['~standard'].validate({ id: null })).toThrow('cannot read id')
})
