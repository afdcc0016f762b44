import { type Static, Type as t } from '@sinclair/typebox'
import type { ModelInfo } from '../../core/models/models.ts'
import { deleted, UnixSeconds } from './fields.wire.ts'

export const ModelObject = t.Object({ id: t.String(), object: t.Literal('model'), created: UnixSeconds, owned_by: t.String() })
export type ModelObject = Static<typeof ModelObject>

export const ModelList = t.Object({ object: t.Literal('list'), data: t.Array(ModelObject) })

export const ModelDeleted = deleted('model')

export const toModel = (model: ModelInfo): ModelObject => ({
  id: model.id,
  object: 'model',
  created: model.created,
  owned_by: model.ownedBy,
})
