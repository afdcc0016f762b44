import type { GraphCall, StreamMode } from '../../../src/core/runs/call.ts'
import type { RunEvent, Segment } from '../../../src/core/runs/events.ts'
import { aRun, IDS } from '../openai/story.ts'

export { IDS } from '../openai/story.ts'

const AT = 1_760_000_000_500

export const aCall = (over: Partial<GraphCall> = {}): GraphCall => ({
  graph: 'agent',
  input: { messages: [] },
  command: null,
  config: {},
  context: {},
  modes: ['values'],
  subgraphs: false,
  resumable: false,
  interruptBefore: null,
  interruptAfter: null,
  checkpoint: null,
  durability: 'async',
  temporary: false,
  webhook: null,
  ...over,
})

export const graphRun = (call: Partial<GraphCall> = {}) => aRun({ call: aCall(call) })
export const builtInRun = (...modes: StreamMode[]) => aRun({ call: aCall({ graph: 'assistant', modes }) })

export const status = (name: Extract<RunEvent, { type: 'status' }>['status'], over: object = {}): RunEvent => ({
  type: 'status',
  status: name,
  at: AT,
  ...over,
})
export const mode = (name: string, payload: unknown, ns = ''): RunEvent => ({ type: 'mode', mode: name, ns, data: JSON.stringify(payload) })

/** From the creation of a run to its end. */
export const story = (...middle: RunEvent[]): RunEvent[] => [status('queued'), status('running'), ...middle, status('completed')]

export const segment = (events: RunEvent[], seq = 1): Segment => ({ seq, events })

/** A turn that says `Hello there` and calls a function. */
export const TURN: RunEvent[] = [
  { type: 'step', id: IDS.step, kind: 'message', messageId: IDS.message, at: AT },
  { type: 'text', text: 'Hello ' },
  { type: 'text', text: 'there' },
  { type: 'message_end', id: IDS.message, at: AT },
  { type: 'step_end', id: IDS.step, status: 'completed', at: AT, usage: null },
  { type: 'step', id: IDS.step2, kind: 'tool_calls', at: AT },
  { type: 'call', index: 0, id: 'call_1', tool: 'function', name: 'look' },
  { type: 'arguments', index: 0, text: '{"at":' },
  { type: 'arguments', index: 0, text: '"sea"}' },
]
