import { expect, test } from 'bun:test'
import { Type as t } from '@sinclair/typebox'
import { lowerUuids } from '../../src/http/uuids.ts'

const ID = '01A20254-4F0C-741F-AD90-D27616365A3D'
const schema = t.Object({
  id: t.String({ format: 'uuid' }),
  other: t.Optional(t.Union([t.String({ format: 'uuid' }), t.Null()])),
  name: t.String(),
})

test('fields that are UUIDs by their schema are lower case, others stay as they came', () => {
  expect(lowerUuids(schema, { id: ID, other: ID, name: ID })).toEqual({ id: ID.toLowerCase(), other: ID.toLowerCase(), name: ID })
  expect(lowerUuids(schema, { id: ID, other: null, name: 'A' })).toEqual({ id: ID.toLowerCase(), other: null, name: 'A' })
})
