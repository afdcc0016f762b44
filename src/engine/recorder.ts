import { newId } from '../core/id.ts'
import { isStorable, makeStorable } from '../core/json.ts'
import type { Clock } from '../core/needs.ts'
import type { CallRecord, StepRecord } from '../core/runs/commits.ts'
import type { FunctionCall, MessageCut, RunError, RunEvent, StepCall, Usage } from '../core/runs/events.ts'
import type { Citation } from '../core/threads/citation.ts'
import type { GenerateSink } from '../drivers/models/port.ts'
import { citation, MarkerReader } from './citations.ts'
import type { HalfMessage } from './half-message.ts'

export const NO_USAGE: Usage = { promptTokens: 0, completionTokens: 0, totalTokens: 0 }

/** What a recorder hands to the next commit. */
export interface Recorded {
  steps: StepRecord[]
  toolCalls: CallRecord[]
}

interface OpenMessage {
  step: StepRecord
  id: string
  text: string
  refusal: string
  annotations: Citation[]
}
interface OpenCalls {
  step: StepRecord
  calls: StepCall[]
}

/** What the recorder has to know of a turn before it begins. */
export interface TurnStart {
  parallelToolCalls: boolean
  usedCallIds: string[]
  /** The type of a call, by the name that the model gave. */
  typeOf(name: string): string
  /** Files that the turn may cite, by `<search>:<result>`. */
  files?: ReadonlyMap<string, string> | undefined
}

/** What the server itself says to a call. */
export interface CallAnswer {
  id: string
  /** Null for a tool that shows its `detail` instead. */
  output: string | null
  detail?: StepCall['detail']
}

/** Facts of a message that its row gets beside what the graph's state holds. */
export interface MessageFacts {
  at: number
  ended: number
  status: 'completed' | 'incomplete'
  cut: MessageCut | null
}

/**
 * Turns what a model says into the run's events, steps and tool calls. At most one step is open at any time, and it is
 * closed before another opens.
 */
export class Recorder implements GenerateSink {
  readonly facts = new Map<string, MessageFacts>()
  private message: OpenMessage | undefined
  private tools: OpenCalls | undefined
  private steps = new Map<string, StepRecord>()
  /** By step and index: one statement cannot write a row twice. */
  private toolCalls = new Map<string, CallRecord>()
  private readonly callIds = new Set<string>()
  private parallel = true
  private typeOf: TurnStart['typeOf'] = () => 'function'
  /** Only where there is something to cite: nobody else pays for looking. */
  private markers: MarkerReader | undefined
  private closed = false

  constructor(
    private readonly emit: (event: RunEvent) => void,
    private readonly clock: Clock,
  ) {}

  beginTurn(turn: TurnStart): void {
    this.parallel = turn.parallelToolCalls
    this.typeOf = turn.typeOf
    this.markers = turn.files && new MarkerReader(turn.files)
    for (const id of turn.usedCallIds) this.callIds.add(id)
  }

  /** A node that runs on after its run has ended is not heard any more. */
  close(): void {
    this.closed = true
  }

  /** What comes after the turn's calls has no place in the order of steps: it is in the message's row only. */
  text(part: string): void {
    if (part === '' || this.closed || this.tools) return
    if (this.markers === undefined) this.say(part)
    else
      for (const { text, fileId } of this.markers.push(part)) {
        if (fileId === undefined) this.say(text)
        else this.cite(text, fileId)
      }
  }

  private say(text: string): void {
    this.openMessage().text += text
    this.emit({ type: 'text', text })
  }

  private cite(marker: string, fileId: string): void {
    const message = this.openMessage()
    const annotation = citation(marker, message.text.length, fileId)
    message.text += marker
    message.annotations.push(annotation)
    this.emit({ type: 'text', text: marker, annotations: [annotation] })
  }

  /** No more text comes that could make a marker of what is held. */
  private release(): void {
    const held = this.markers?.rest()
    if (held) this.say(held)
  }

  refusal(part: string): void {
    if (part === '' || this.closed || this.tools) return
    this.release()
    this.openMessage().refusal += part
    this.emit({ type: 'refusal', text: part })
  }

  reasoning(part: string): void {
    if (part === '' || this.closed) return
    this.emit({ type: 'reasoning', text: part })
  }

  /** With one call at a time asked for, a model's further calls are dropped: nobody could answer them. */
  call(index: number, id: string, name: string, spoken = false): void {
    if (this.closed || (index > 0 && !this.parallel)) return
    this.release()
    this.closeMessage(NO_USAGE)
    const tools = this.openTools()
    // Some providers repeat ids, or send none: within a run an id must name one call. A row cannot hold every text.
    const unique = id !== '' && isStorable(id) && !this.callIds.has(id) ? id : `call_${newId().replaceAll('-', '')}`
    const shown = makeStorable(name)
    const type = this.typeOf(name)
    this.callIds.add(unique)
    tools.calls[index] = { id: unique, type, name: shown, arguments: '', output: null }
    this.emit({ type: 'call', index, id: unique, tool: type, name: shown, ...(spoken ? { spoken } : {}) })
  }

  /** A call that the text of the turn has said. */
  spokenCall(name: string, text: string): void {
    this.call(0, '', name, true)
    this.argumentsPart(0, text)
  }

  argumentsPart(index: number, part: string): void {
    const call = this.tools?.calls[index]
    if (!call || part === '' || this.closed) return
    call.arguments += part
    this.emit({ type: 'arguments', index, text: part })
  }

  /** The calls of the turn as they were shown, and of its message the id and what it cites. One of calls alone has their step's id. */
  turn(): { messageId: string | undefined; annotations: Citation[]; calls: StepCall[] } {
    this.release()
    const message = this.message ?? this.lastMessage
    return { messageId: message?.id ?? this.tools?.step.id, annotations: message?.annotations ?? [], calls: this.tools?.calls ?? [] }
  }

  /** A turn broke off: counts what it had said so far; undefined when it had said nothing. */
  count(usageOf: (said: { text: string; calls: StepCall[] }) => Usage): Usage | undefined {
    this.release()
    const open = this.message ?? this.tools
    if (!open) return undefined
    open.step.usage = usageOf({ text: (this.message?.text ?? '') + (this.message?.refusal ?? ''), calls: this.tools?.calls ?? [] })
    return open.step.usage
  }

  /** Ends a turn that came to its end by itself. Open calls stay open: they wait for outputs. */
  endTurn(usage: Usage, cut?: MessageCut): void {
    if (this.tools) {
      this.tools.step.usage = usage
      this.note(this.tools.step)
      this.noteCalls(this.tools)
    } else {
      this.release()
      this.closeMessage(usage, cut)
    }
    this.lastMessage = undefined
  }

  /** The server has answered calls. Their step ends with them, unless others of it wait for the client. */
  answerCalls(answers: readonly CallAnswer[]): void {
    const { tools } = this
    if (!tools || this.closed) return
    for (const { id, output, detail } of answers) {
      const call = tools.calls.find((c) => c.id === id)
      if (call) Object.assign(call, { output, ...(detail === undefined ? {} : { detail }) })
    }
    this.noteCalls(tools)
    if (this.waitingCalls().length > 0) return
    const at = this.clock.now()
    Object.assign(tools.step, { status: 'completed', ended: at })
    this.note(tools.step)
    this.emit({ ...stepEnd(tools.step, at), calls: tools.calls })
    this.tools = undefined
  }

  /** Goes on with a tool step that an earlier attempt committed and left open: its calls still wait for outputs. */
  takeUp({ record, calls }: { record: StepRecord; calls: StepCall[] }, usage: Usage | null): void {
    this.tools = { step: { ...record, usage }, calls }
    for (const { id } of calls) this.callIds.add(id)
  }

  /** Asks for outputs of calls that an earlier run of the thread made, in a step of this run. */
  ask(calls: readonly FunctionCall[]): void {
    if (this.closed || calls.length === 0) return
    const at = this.clock.now()
    const step: StepRecord = {
      id: newId(),
      kind: 'tool_calls',
      message_id: null,
      status: 'in_progress',
      usage: NO_USAGE,
      error: null,
      at,
      ended: null,
    }
    this.emit({ type: 'step', id: step.id, kind: 'tool_calls', again: true, at })
    this.tools = { step, calls: [] }
    for (const [index, { id, name, arguments: text }] of calls.entries()) {
      this.tools.calls.push({ id, type: 'function', name, arguments: text, output: null })
      this.emit({ type: 'call', index, id, tool: 'function', name })
      this.emit({ type: 'arguments', index, text })
    }
    this.note(step)
    this.noteCalls(this.tools)
  }

  /** Whose outputs the client is asked for. */
  waitingCalls(): FunctionCall[] {
    const open = (this.tools?.calls ?? []).filter(({ type, output }) => type === 'function' && output === null)
    return open.map(({ id, name, arguments: text }) => ({ id, name, arguments: text }))
  }

  /** The run stops in the middle: closes what is open, and answers the row of a half message, to be kept. */
  cutOff(how: {
    cut: MessageCut
    step: 'failed' | 'cancelled' | 'expired' | 'completed'
    error: RunError | null
  }): HalfMessage | undefined {
    this.release()
    const at = this.clock.now()
    const { message, tools } = this
    let half: HalfMessage | undefined
    if (message) {
      this.emit({ type: 'message_end', id: message.id, cut: how.cut, at })
      const { id, text, refusal, annotations } = message
      half = { id, text, refusal, annotations, at: message.step.at, ended: at, cut: how.cut }
    }
    const open = message ?? tools
    if (open) {
      Object.assign(open.step, { status: how.step, ended: at, error: how.error, usage: open.step.usage ?? NO_USAGE })
      this.note(open.step)
      if (tools) this.noteCalls(tools)
      this.emit({ ...stepEnd(open.step, at), ...(tools ? { calls: tools.calls } : {}), ...(how.error ? { error: how.error } : {}) })
    }
    this.message = undefined
    this.tools = undefined
    return half
  }

  take(): Recorded {
    const recorded = { steps: [...this.steps.values()].map((s) => ({ ...s })), toolCalls: [...this.toolCalls.values()] }
    this.steps = new Map()
    this.toolCalls = new Map()
    return recorded
  }

  /** The turn's message, where its calls have closed it. */
  private lastMessage: OpenMessage | undefined

  private openMessage(): OpenMessage {
    if (this.message) return this.message
    const id = newId()
    const step = this.openStep('message', id)
    this.message = { step, id, text: '', refusal: '', annotations: [] }
    return this.message
  }

  private openTools(): OpenCalls {
    this.tools ??= { step: this.openStep('tool_calls', null), calls: [] }
    return this.tools
  }

  private openStep(kind: StepRecord['kind'], messageId: string | null): StepRecord {
    const at = this.clock.now()
    const step: StepRecord = { id: newId(), kind, message_id: messageId, status: 'in_progress', usage: null, error: null, at, ended: null }
    this.emit({ type: 'step', id: step.id, kind, ...(messageId ? { messageId } : {}), at })
    return step
  }

  private closeMessage(usage: Usage, cut?: MessageCut): void {
    const { message } = this
    if (!message) return
    const at = this.clock.now()
    this.emit({ type: 'message_end', id: message.id, ...(cut ? { cut } : {}), at })
    Object.assign(message.step, { status: 'completed', ended: at, usage })
    this.note(message.step)
    this.emit(stepEnd(message.step, at))
    this.facts.set(message.id, { at: message.step.at, ended: at, status: cut ? 'incomplete' : 'completed', cut: cut ?? null })
    this.lastMessage = message
    this.message = undefined
  }

  private note(step: StepRecord): void {
    this.steps.set(step.id, step)
  }

  private noteCalls({ step, calls }: OpenCalls): void {
    for (const [idx, call] of calls.entries()) this.toolCalls.set(`${step.id} ${idx}`, callRecord(step.id, idx, call))
  }
}

export const callRecord = (stepId: string, idx: number, call: StepCall): CallRecord => ({
  step_id: stepId,
  idx,
  call_id: call.id,
  type: call.type,
  name: call.name,
  arguments: JSON.stringify(call.arguments),
  output: call.output === null ? null : JSON.stringify(call.output),
  detail: call.detail === undefined ? null : JSON.stringify(call.detail),
})

const stepEnd = (step: StepRecord, at: number): Extract<RunEvent, { type: 'step_end' }> => ({
  type: 'step_end',
  id: step.id,
  status: step.status === 'in_progress' ? 'completed' : step.status,
  at,
  usage: step.usage,
})
