import { type Static, Type as t } from '@sinclair/typebox'
import { Fault } from '../../core/fault.ts'
import { type Chunking, DEFAULT_CHUNKING } from '../../core/vector-stores/store-files.ts'
import { CLOSED } from './fields.wire.ts'

const StaticChunking = t.Object(
  {
    type: t.Literal('static'),
    static: t.Object(
      { max_chunk_size_tokens: t.Integer({ minimum: 100, maximum: 4096 }), chunk_overlap_tokens: t.Integer({ minimum: 0 }) },
      CLOSED,
    ),
  },
  CLOSED,
)

export const ChunkingStrategy = t.Union([t.Object({ type: t.Literal('auto') }, CLOSED), StaticChunking])

/** As it is shown: what `auto` came to. */
export const ShownChunking = t.Union([StaticChunking, t.Object({ type: t.Literal('other') }, CLOSED)])

/** `param` is where the strategy stands. */
export function fromChunking(strategy: Static<typeof ChunkingStrategy>, param = 'chunking_strategy'): Chunking {
  if (strategy.type === 'auto') return DEFAULT_CHUNKING
  const { max_chunk_size_tokens: tokensMax, chunk_overlap_tokens: overlapTokens } = strategy.static
  const most = Math.floor(tokensMax / 2)
  if (overlapTokens <= most) return { tokensMax, overlapTokens }
  const place = `${param}.static.chunk_overlap_tokens`
  const half = 'at most half of max_chunk_size_tokens'
  throw new Fault(
    'invalid',
    `Invalid '${place}': integer above maximum value. Expected ${half} (${most}), but got ${overlapTokens} instead.`,
    {
      param: place,
      reason: 'too_big',
    },
  )
}

export const toChunking = ({ tokensMax, overlapTokens }: Chunking): Static<typeof ShownChunking> => ({
  type: 'static',
  static: { max_chunk_size_tokens: tokensMax, chunk_overlap_tokens: overlapTokens },
})
