import { type Static, type TSchema, Type as t } from '@sinclair/typebox'
import type { JsonObject } from '../../core/json.ts'
import { STREAM_MODES, type StreamMode } from '../../core/runs/call.ts'
import { AssistantRef, ConfigBody, FreeJson, FreeObject, Metadata, maybe, oneOf } from './fields.wire.ts'

const WEBHOOK_MAX = 65_536
/** A year. */
const DELAY_MAX_S = 31_536_000
const NODES_MAX = 1000

const Mode = t.Unsafe<StreamMode>({ type: 'string', enum: [...STREAM_MODES] })
export const Modes = t.Union([Mode, t.Array(Mode, { maxItems: 32 })])

const Breakpoints = t.Union([oneOf('*'), t.Array(t.String({ minLength: 1 }), { maxItems: NODES_MAX })])

const GotoSend = t.Object({ node: t.String({ minLength: 1 }), input: t.Optional(FreeJson) })
const Goto = t.Union([
  t.String({ minLength: 1 }),
  GotoSend,
  t.Array(t.Union([t.String({ minLength: 1 }), GotoSend]), { maxItems: NODES_MAX }),
])

const Pair = t.Array(FreeJson, { minItems: 2, maxItems: 2 })
export const CommandBody = t.Object(
  {
    resume: t.Optional(FreeJson),
    update: maybe(t.Union([FreeObject, t.Array(Pair)])),
    goto: maybe(Goto),
  },
  { description: 'What an interrupted graph goes on with. Goes before `input`.' },
)

export const CheckpointBody = t.Object({
  thread_id: maybe(t.String()),
  checkpoint_id: maybe(t.String({ format: 'uuid' })),
  checkpoint_ns: maybe(t.String()),
  checkpoint_map: maybe(FreeObject),
})

/** How a run calls its graph: the same for runs of threads, runs without one, and the ticks of crons. */
export const CALL_FIELDS = {
  assistant_id: AssistantRef,
  input: t.Optional(t.Unsafe<Static<typeof FreeJson>>({ description: "The graph's input. None: it goes on where it stands." })),
  command: maybe(CommandBody),
  config: maybe(ConfigBody),
  context: maybe(FreeObject),
  metadata: maybe(Metadata),
  checkpoint: maybe(CheckpointBody),
  checkpoint_id: maybe(t.String({ format: 'uuid' })),
  interrupt_before: maybe(Breakpoints),
  interrupt_after: maybe(Breakpoints),
  webhook: maybe(t.String({ minLength: 1, maxLength: WEBHOOK_MAX, format: 'uri', description: 'Told when the run has ended.' })),
  multitask_strategy: maybe(oneOf('reject', 'rollback', 'interrupt', 'enqueue')),
  stream_mode: maybe(Modes),
  stream_subgraphs: maybe(t.Boolean()),
  stream_resumable: maybe(t.Boolean()),
  feedback_keys: maybe(t.Array(t.String())),
  after_seconds: maybe(t.Number({ minimum: 0, maximum: DELAY_MAX_S })),
  if_not_exists: maybe(oneOf('create', 'reject')),
  on_completion: maybe(oneOf('delete', 'keep')),
  on_disconnect: maybe(oneOf('cancel', 'continue')),
  checkpoint_during: maybe(t.Boolean({ description: 'Older name of durability: false is `exit`.' })),
  durability: maybe(oneOf('sync', 'async', 'exit')),
} satisfies Record<string, TSchema>

export const RunBody = t.Object(CALL_FIELDS)
export type RunBody = Static<typeof RunBody>

/** Runs of one request; each of them is a row and a place in the queue. */
const BATCH_MAX = 1000

export const BatchBody = t.Array(RunBody, { minItems: 1, maxItems: BATCH_MAX })

const SNAKE = new Map(Object.keys(CALL_FIELDS).map((name) => [name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()), name]))

/** The JavaScript SDK sends a batch in its own spelling: none of what it says shall be lost. */
export function withSnakeNames(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
  const renamed: JsonObject = {}
  for (const [name, value] of Object.entries(body as JsonObject)) {
    const snake = SNAKE.get(name) ?? name
    if (snake === name || !Object.hasOwn(body, snake)) renamed[snake] = value
  }
  return renamed
}
