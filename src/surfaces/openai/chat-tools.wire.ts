import { Type as t } from '@sinclair/typebox'
import { nullable, oneOf } from './fields.wire.ts'
import { open } from './open.wire.ts'

const FunctionTool = open({
  type: t.Literal('function'),
  function: open({
    name: t.String(),
    description: t.Optional(t.String()),
    parameters: t.Optional(open({})),
    strict: t.Optional(nullable(t.Boolean())),
  }),
})

const CustomTool = open({
  type: t.Literal('custom'),
  custom: open({
    name: t.String(),
    description: t.Optional(t.String()),
    format: t.Optional(
      t.Union([
        open({ type: t.Literal('text') }),
        open({ type: t.Literal('grammar'), grammar: open({ definition: t.String(), syntax: oneOf('lark', 'regex') }) }),
      ]),
    ),
  }),
})

export const ChatTool = t.Union([FunctionTool, CustomTool])

const named = open({ name: t.String() })

export const ChatToolChoice = t.Union([
  oneOf('none', 'auto', 'required'),
  open({ type: t.Literal('allowed_tools'), allowed_tools: open({ mode: oneOf('auto', 'required'), tools: t.Array(open({})) }) }),
  open({ type: t.Literal('function'), function: named }),
  open({ type: t.Literal('custom'), custom: named }),
])

export const ChatFunctionChoice = t.Union([oneOf('none', 'auto'), named])

export const ChatFunction = open({ name: t.String(), description: t.Optional(t.String()), parameters: t.Optional(open({})) })

export const ChatResponseFormat = t.Union([
  open({ type: t.Literal('text') }),
  open({ type: t.Literal('json_object') }),
  open({
    type: t.Literal('json_schema'),
    json_schema: open({
      name: t.String(),
      description: t.Optional(t.String()),
      schema: t.Optional(open({})),
      strict: t.Optional(nullable(t.Boolean())),
    }),
  }),
])
