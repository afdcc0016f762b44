import { type TSchema, Type as t } from '@sinclair/typebox'
import { ErrorEnvelope, nullable, oneOf } from './fields.wire.ts'
import { MessageObject } from './messages.wire.ts'
import { RunObject } from './runs.wire.ts'
import { StepObject } from './steps.wire.ts'
import { ThreadObject } from './threads.wire.ts'

const Index = { index: t.Integer() }

const span = { text: t.Optional(t.String()), start_index: t.Optional(t.Integer()), end_index: t.Optional(t.Integer()) }
const FileRef = t.Object({ file_id: t.Optional(t.String()) })
const AnnotationDelta = t.Union([
  t.Object({ ...Index, type: t.Literal('file_citation'), ...span, file_citation: t.Optional(FileRef) }),
  t.Object({ ...Index, type: t.Literal('file_path'), ...span, file_path: t.Optional(FileRef) }),
])

const MessageDelta = t.Object({
  id: t.String(),
  object: t.Literal('thread.message.delta'),
  delta: t.Object({
    role: t.Optional(oneOf('user', 'assistant')),
    content: t.Optional(
      t.Array(
        t.Union([
          t.Object({
            ...Index,
            type: t.Literal('text'),
            text: t.Optional(t.Object({ value: t.Optional(t.String()), annotations: t.Optional(t.Array(AnnotationDelta)) })),
          }),
          t.Object({ ...Index, type: t.Literal('refusal'), refusal: t.Optional(t.String()) }),
          t.Object({ ...Index, type: t.Literal('image_file'), image_file: t.Optional(FileRef) }),
          t.Object({ ...Index, type: t.Literal('image_url'), image_url: t.Optional(t.Object({ url: t.Optional(t.String()) })) }),
        ]),
      ),
    ),
  }),
})

const FunctionDelta = t.Object({
  name: t.Optional(t.String()),
  arguments: t.Optional(t.String()),
  output: t.Optional(nullable(t.String())),
})
const OutputDelta = t.Union([
  t.Object({ ...Index, type: t.Literal('logs'), logs: t.Optional(t.String()) }),
  t.Object({ ...Index, type: t.Literal('image'), image: t.Optional(FileRef) }),
])
const CodeDelta = t.Object({ input: t.Optional(t.String()), outputs: t.Optional(t.Array(OutputDelta)) })

const CallId = { ...Index, id: t.Optional(t.String()) }
const StepDelta = t.Object({
  id: t.String(),
  object: t.Literal('thread.run.step.delta'),
  delta: t.Object({
    step_details: t.Optional(
      t.Union([
        t.Object({
          type: t.Literal('message_creation'),
          message_creation: t.Optional(t.Object({ message_id: t.Optional(t.String()) })),
        }),
        t.Object({
          type: t.Literal('tool_calls'),
          tool_calls: t.Optional(
            t.Array(
              t.Union([
                t.Object({ ...CallId, type: t.Literal('function'), function: t.Optional(FunctionDelta) }),
                t.Object({ ...CallId, type: t.Literal('code_interpreter'), code_interpreter: t.Optional(CodeDelta) }),
                t.Object({ ...CallId, type: t.Literal('file_search'), file_search: t.Object({}) }),
              ]),
            ),
          ),
        }),
      ]),
    ),
  }),
})

const LateError = t.Union([ErrorEnvelope, ErrorEnvelope.properties.error], {
  description: 'This server sends the envelope: SDKs raise only then. The bare form is what the original documents.',
})

const framed = <S extends TSchema>(data: S, ...events: string[]) => t.Object({ event: oneOf(...events), data })

/** Every frame of a run's stream: its event name, and what its data line holds. */
export const StreamEvent = t.Union([
  framed(ThreadObject, 'thread.created'),
  framed(
    RunObject,
    ...[
      'created',
      'queued',
      'in_progress',
      'requires_action',
      'completed',
      'incomplete',
      'failed',
      'cancelling',
      'cancelled',
      'expired',
    ].map((state) => `thread.run.${state}`),
  ),
  framed(
    StepObject,
    ...['created', 'in_progress', 'completed', 'failed', 'cancelled', 'expired'].map((state) => `thread.run.step.${state}`),
  ),
  framed(StepDelta, 'thread.run.step.delta'),
  framed(MessageObject, ...['created', 'in_progress', 'completed', 'incomplete'].map((state) => `thread.message.${state}`)),
  framed(MessageDelta, 'thread.message.delta'),
  framed(LateError, 'error'),
  framed(t.Literal('[DONE]'), 'done'),
])
