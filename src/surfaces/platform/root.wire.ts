import { Type as t } from '@sinclair/typebox'
import { FreeObject, mapOf } from './fields.wire.ts'

/** In UTC, without an offset. */
export const toPlainIso = (ms: number): string => new Date(ms).toISOString().slice(0, -1)

export const HEALTH = {
  status: t.String(),
  timestamp: t.String({ description: 'ISO 8601 in UTC, without an offset.' }),
  version: t.String(),
  uptime: t.Number({ description: 'Seconds.' }),
}

export const Health = t.Object(HEALTH)

export const Ready = t.Object({ ...HEALTH, checks: mapOf(t.String()) })

export const Index = t.Object({
  service: t.String(),
  name: t.String(),
  version: t.String(),
  description: t.String(),
  docs: t.String(),
  health: t.String(),
  ready: t.String(),
  api: t.String(),
  chat: t.String(),
  agents: t.String(),
  surfaces: t.Array(t.Object({ name: t.String(), path: t.String(), openapi: t.String() })),
})

/** As RFC 7517 has it. */
export const KeySet = t.Object({ keys: t.Array(FreeObject) })
