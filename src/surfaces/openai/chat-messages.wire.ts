import { type Static, Type as t } from '@sinclair/typebox'
import { nullable, oneOf } from './fields.wire.ts'
import { open } from './open.wire.ts'

const prompt_cache_breakpoint = t.Optional(open({ mode: t.Literal('explicit') }))

export const PartText = open({ type: t.Literal('text'), text: t.String(), prompt_cache_breakpoint })

export const PartImage = open({
  type: t.Literal('image_url'),
  image_url: open({ url: t.String(), detail: t.Optional(oneOf('auto', 'low', 'high')) }),
  prompt_cache_breakpoint,
})

const PartAudio = open({
  type: t.Literal('input_audio'),
  input_audio: open({ data: t.String(), format: oneOf('wav', 'mp3') }),
  prompt_cache_breakpoint,
})

const PartFile = open({
  type: t.Literal('file'),
  file: open({ filename: t.Optional(t.String()), file_data: t.Optional(t.String()), file_id: t.Optional(t.String()) }),
  prompt_cache_breakpoint,
})

const PartRefusal = open({ type: t.Literal('refusal'), refusal: t.String() })

const textOnly = t.Union([t.String(), t.Array(PartText, { minItems: 1 })])
const name = t.Optional(t.String())

export const ToolCall = t.Union([
  open({ id: t.String(), type: t.Literal('function'), function: open({ name: t.String(), arguments: t.String() }) }),
  open({ id: t.String(), type: t.Literal('custom'), custom: open({ name: t.String(), input: t.String() }) }),
])

const Developer = open({ role: t.Literal('developer'), content: textOnly, name })
const System = open({ role: t.Literal('system'), content: textOnly, name })
const User = open({
  role: t.Literal('user'),
  content: t.Union([t.String(), t.Array(t.Union([PartText, PartImage, PartAudio, PartFile]), { minItems: 1 })]),
  name,
})
const AssistantMessage = open({
  role: t.Literal('assistant'),
  content: t.Optional(nullable(t.Union([t.String(), t.Array(t.Union([PartText, PartRefusal]), { minItems: 1 })]))),
  refusal: t.Optional(nullable(t.String())),
  name,
  audio: t.Optional(nullable(open({ id: t.String() }))),
  tool_calls: t.Optional(t.Array(ToolCall)),
  function_call: t.Optional(nullable(open({ arguments: t.String(), name: t.String() }))),
})
const Tool = open({ role: t.Literal('tool'), content: textOnly, tool_call_id: t.String() })
const FunctionResult = open({ role: t.Literal('function'), content: nullable(t.String()), name: t.String() })

export const ChatMessage = t.Union([Developer, System, User, AssistantMessage, Tool, FunctionResult])
export type ChatMessage = Static<typeof ChatMessage>
