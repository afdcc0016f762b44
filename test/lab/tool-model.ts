import type { JsonObject } from '../../src/core/json.ts'
import { type ModelReply, type ModelRequest, type ModelServer, startModelServer } from '../support/model-server.ts'

export const TOOL_MODEL = 'lab-tools'
export const TOOL = {
  type: 'function',
  function: { name: 'look', parameters: { type: 'object', properties: { what: { type: 'string' } } } },
}

const CALLS_AT_ONCE = 2

/** A model that asks for two outputs, in every second conversation twice, and then answers. It keeps no state. */
export const startToolModel = (): ModelServer => startModelServer(reply)

function reply({ body }: ModelRequest): ModelReply | undefined {
  if (body.model !== TOOL_MODEL) return undefined
  const messages = body.messages as JsonObject[]
  const asked = messages.findLastIndex(({ role }) => role === 'user')
  const round = messages.slice(asked + 1).filter(({ role }) => role === 'assistant').length
  const rounds = 1 + (String(messages[asked]?.content).length % 2)
  if (round >= rounds) return { text: Array.from({ length: 15 }, (_, index) => `word${index} `), pauseMs: 10 }
  const calls = Array.from({ length: CALLS_AT_ONCE }, (_, index) => ({
    id: `call_${messages.length}_${index}`,
    name: 'look',
    arguments: ['{"what":', `"${round}`, `-${index}"}`],
  }))
  return { calls, pauseMs: 15 }
}
