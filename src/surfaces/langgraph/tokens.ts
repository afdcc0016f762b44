import { BUILT_IN_GRAPH } from '../../core/graphs/graphs.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import type { RunEvent } from '../../core/runs/events.ts'
import type { Run } from '../../core/runs/runs.ts'

/** Event name and JSON of one frame. */
export type Frame = readonly [event: string, data: string]

/** A call as it has been written so far. */
interface Call {
  id: string
  name: string
  text: string
}

/** The message of the turn that the model is at. */
interface Turn {
  id: string
  text: string
  refusal: string
  calls: Call[]
  /** All of a chunk's frame after its content. */
  closing: string
}

/** Of a chunk, and of a message, that has neither calls nor anything else to tell. */
const PLAIN = '"additional_kwargs":{},"response_metadata":{},"tool_calls":[],"invalid_tool_calls":[]'

/**
 * What the model of the built-in graph says, as LangGraph tells it: chunks with their metadata (`messages`), and the
 * message so far (`messages/partial`). Other graphs' journals hold such frames ready made.
 */
export class Tokens {
  private turn: Turn | undefined
  /** Id of the newest message. */
  private last: string | undefined
  private readonly metadata: string

  constructor(
    run: Run,
    private readonly shown: { tuple: boolean; legacy: boolean },
  ) {
    this.metadata = JSON.stringify(metadataOf(run))
  }

  /** The graph tells the message whole once more when its node is done; clients would add it to its own chunks. */
  told({ mode, data }: { mode: string; data: string }): boolean {
    return mode === 'messages' && this.last !== undefined && data.startsWith(`[{"id":"${this.last}"`)
  }

  /** The frames of an event, none where `wanted` is false: the reader has seen them, and only what they add is kept. */
  read(event: RunEvent, wanted: boolean): readonly Frame[] {
    switch (event.type) {
      case 'step':
        return this.onStep(event, wanted)
      case 'text':
      case 'refusal':
        return this.onText(event, wanted)
      case 'call':
        return this.onCall(event, wanted)
      case 'arguments':
        return this.onArguments(event, wanted)
      case 'step_end':
      case 'restart':
        return this.onEnd(event)
      default:
        return []
    }
  }

  /** A turn is a message, calls, or a message and then its calls: one message of the graph in any case. */
  private onStep(event: Extract<RunEvent, { type: 'step' }>, wanted: boolean): readonly Frame[] {
    if (event.again) this.turn = undefined
    if (event.again || (event.kind === 'tool_calls' && this.turn)) return []
    // A turn of calls alone has the id of their step.
    const id = event.messageId ?? event.id
    const closing = `,${PLAIN},"tool_call_chunks":[],"id":${JSON.stringify(id)},"type":"ai"},${this.metadata}]`
    this.turn = { id, text: '', refusal: '', calls: [], closing }
    this.last = id
    if (!wanted || !this.shown.legacy) return []
    return [['messages/metadata', `{${JSON.stringify(id)}:{"metadata":${this.metadata}}}`]]
  }

  private onText({ type, text }: { type: 'text' | 'refusal'; text: string }, wanted: boolean): readonly Frame[] {
    const { turn } = this
    if (!turn) return []
    turn[type] += text
    // Refusals are told as parts of one place, which clients join as they join text.
    const content = type === 'text' ? JSON.stringify(text) : `[{"type":"refusal","refusal":${JSON.stringify(text)},"index":0}]`
    return wanted ? this.frames(turn, `[{"content":${content}${turn.closing}`) : []
  }

  private onCall({ index, id, name }: Extract<RunEvent, { type: 'call' }>, wanted: boolean): readonly Frame[] {
    const { turn } = this
    if (!turn) return []
    turn.calls[index] = { id, name, text: '' }
    return wanted ? this.frames(turn, this.callChunk(turn, { name, args: '', id, index, type: 'tool_call_chunk' })) : []
  }

  private onArguments({ index, text }: Extract<RunEvent, { type: 'arguments' }>, wanted: boolean): readonly Frame[] {
    const { turn } = this
    const call = turn?.calls[index]
    if (!turn || !call) return []
    call.text += text
    return wanted ? this.frames(turn, this.callChunk(turn, { args: text, index, type: 'tool_call_chunk' })) : []
  }

  /** A message step that ends may be followed by the calls of its turn. */
  private onEnd(event: Extract<RunEvent, { type: 'step_end' | 'restart' }>): readonly Frame[] {
    if (event.type === 'restart' || (this.turn?.calls.length ?? 0) > 0) this.turn = undefined
    return []
  }

  private callChunk({ id }: Turn, chunk: JsonObject): string {
    return `[{"content":"",${PLAIN},"tool_call_chunks":[${JSON.stringify(chunk)}],"id":${JSON.stringify(id)},"type":"ai"},${this.metadata}]`
  }

  private frames(turn: Turn, chunk: string): readonly Frame[] {
    const frames: Frame[] = []
    if (this.shown.tuple) frames.push(['messages', chunk])
    if (this.shown.legacy) frames.push(['messages/partial', JSON.stringify([messageOf(turn)])])
    return frames
  }
}

const messageOf = ({ id, text, refusal, calls }: Turn): JsonObject => ({
  content: refusal === '' ? text : [...(text === '' ? [] : [{ type: 'text', text }]), { type: 'refusal', refusal }],
  additional_kwargs: {},
  response_metadata: {},
  tool_calls: calls.flatMap(toolCall),
  invalid_tool_calls: [],
  id,
  type: 'ai',
})

/** Arguments that are not whole yet are shown as none. */
function toolCall({ id, name, text }: Call): Json[] {
  return [{ id, name, args: parseObject(text), type: 'tool_call' }]
}

function parseObject(text: string): JsonObject {
  if (!text.trimEnd().endsWith('}')) return {}
  try {
    const value = JSON.parse(text) as Json
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
  } catch {
    return {}
  }
}

const metadataOf = (run: Run): JsonObject => ({
  ...run.metadata,
  run_id: run.id,
  thread_id: run.threadId,
  assistant_id: run.assistantId,
  graph_id: BUILT_IN_GRAPH,
  langgraph_node: 'model',
  langgraph_path: ['__pregel_pull', 'model'],
  tags: run.call?.config.tags ?? [],
  ls_model_type: 'chat',
  ls_model_name: run.config.model,
})
