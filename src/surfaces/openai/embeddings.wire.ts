import { Type as t } from '@sinclair/typebox'
import { CLOSED, oneOf } from './fields.wire.ts'
import { open } from './open.wire.ts'

const INPUTS_MAX = 2048
const Tokens = t.Array(t.Integer(), { minItems: 1, maxItems: INPUTS_MAX })

export const EmbeddingCreate = t.Object(
  {
    model: t.String(),
    input: t.Union([
      t.String(),
      t.Array(t.String(), { minItems: 1, maxItems: INPUTS_MAX }),
      Tokens,
      t.Array(t.Array(t.Integer(), { minItems: 1 }), { minItems: 1, maxItems: INPUTS_MAX }),
    ]),
    encoding_format: t.Optional(oneOf('float', 'base64')),
    dimensions: t.Optional(t.Integer({ minimum: 1 })),
    user: t.Optional(t.String()),
  },
  CLOSED,
)

/** `embedding` is a text, little-endian 32-bit floats in base64, when that was asked for. */
const Embedding = open({
  object: t.Literal('embedding'),
  index: t.Integer(),
  embedding: t.Union([t.Array(t.Number()), t.String()]),
})

export const EmbeddingList = open({
  object: t.Literal('list'),
  data: t.Array(Embedding),
  model: t.String(),
  usage: open({ prompt_tokens: t.Integer(), total_tokens: t.Integer() }),
})
