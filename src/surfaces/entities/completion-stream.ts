import type { Action } from '../../core/actions/actions.ts'
import type { RunEvent, Segment } from '../../core/runs/events.ts'
import { isEnd } from '../../core/runs/status.ts'
import { HotCode } from './hot-code.ts'
import { spell } from './ids.ts'

type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

const line = (data: string): string => `data: ${data}\n\n`
const frame = (data: object): string => line(JSON.stringify(data))

export const OPENING = line('{"status": "handshake"}') + line('{"status": "initializing"}')
export const KEEP_ALIVE = frame({ type: 'status', status: 'keep_alive', content: '' })
export const DONE = line('[DONE]')
/** Something broke here: what it was is in the log. */
export const BROKEN = frame({
  type: 'error',
  error: 'stream_failure',
  message: 'An internal error occurred during stream generation.',
})

export const errorFrame = (content: string): string => frame({ type: 'error', content })
const contentFrame = (content: string): string => frame({ type: 'content', content })
const reasoningFrame = (content: string): string => frame({ type: 'reasoning', content })
const codeFrame = (content: string): string => frame({ type: 'hot_code', content })
const executionFrame = (type: string, content: string): string =>
  frame({ stream_type: 'code_execution', chunk: { type, content }, type: 'content', content: '' })

/** Beyond the contract, whose clients read `content` only: the call as data, and what to name when its output is sent. */
export const actionFrame = (action: Action): string =>
  frame({
    ...{ type: 'function_call', content: '', name: action.toolName, arguments: action.arguments },
    ...{ action_id: spell('action', action.id), run_id: spell('run', action.runId) },
  })

const INTERPRETER = 'code_interpreter'
/** Tools of the server, which work without a word. */
const SILENT = new Set(['web_search', 'computer', 'vector_store_search'])

/** A call of the open turn. */
interface Call {
  id: string
  name: string
  arguments: string
}

/**
 * Translates a run's journal, from its first event, into the frames of what comes behind event `after`: one turn of the
 * conversation, up to the run's end or to where it waits.
 */
export class CompletionFrames {
  private last: RunEvent | undefined
  private thinking = false
  /** The client's functions, as content text; the first is told while it is written. */
  private calls = new Map<number, Call>()
  private code: { index: number; id: string; hot: HotCode | undefined } | undefined
  private out = ''

  constructor(private readonly after: number) {}

  push({ seq, events }: Segment): string {
    this.out = ''
    for (const [i, event] of events.entries()) {
      const before = this.out
      this.take(event)
      if (seq + i <= this.after) this.out = before
      this.last = event
    }
    return this.out
  }

  /** How the newest event leaves the run. */
  get state(): 'waiting' | 'over' | 'open' {
    if (this.last?.type !== 'status') return 'open'
    if (isEnd(this.last.status)) return 'over'
    return this.last.status === 'waiting' ? 'waiting' : 'open'
  }

  /** Ids of the calls whose outputs a waiting run wants. */
  get waitsFor(): ReadonlySet<string> {
    return new Set(this.last?.type === 'status' ? this.last.calls?.map(({ id }) => id) : [])
  }

  private take(event: RunEvent): void {
    if (event.type === 'mode') return
    if (event.type !== 'reasoning') this.stopThinking()
    if (event.type === 'reasoning') this.think(event.text)
    else if (event.type === 'text' || event.type === 'refusal') this.out += contentFrame(event.text)
    else if (event.type === 'call') this.open(event)
    else if (event.type === 'arguments') this.write(event)
    else if (event.type === 'step_end') this.endStep(event)
    else if (event.type === 'restart') this.forget()
    else if (event.type === 'status') this.stand(event)
  }

  private think(text: string): void {
    if (!this.thinking) this.out += reasoningFrame('<think>')
    this.thinking = true
    this.out += reasoningFrame(text)
  }

  private stopThinking(): void {
    if (this.thinking) this.out += reasoningFrame('</think>')
    this.thinking = false
  }

  /** What the text has said is not said again; searches are nobody's business. */
  private open({ index, id, tool, name, spoken }: EventOf<'call'>): void {
    if (name === INTERPRETER) {
      this.code = { index, id, hot: spoken ? undefined : new HotCode() }
      return
    }
    if (spoken || tool !== 'function' || SILENT.has(name)) return
    this.calls.set(index, { id, name, arguments: '' })
    if (this.calls.size === 1) this.out += contentFrame(headOf(name))
  }

  private write({ index, text }: EventOf<'arguments'>): void {
    if (this.code?.index === index) {
      for (const piece of this.code.hot?.push(text) ?? []) this.out += codeFrame(piece)
      return
    }
    const call = this.calls.get(index)
    if (!call) return
    call.arguments += text
    if (this.isTold(index)) this.out += contentFrame(text)
  }

  private isTold(index: number): boolean {
    const [first] = this.calls.keys()
    return index === first
  }

  /** No call of the turn gets more arguments. */
  private closeCalls(): void {
    for (const [index, call] of this.calls) {
      const said = call.arguments === '' ? '{}' : call.arguments
      if (!this.isTold(index)) this.out += contentFrame(`\n${headOf(call.name)}${said}}`)
      else this.out += contentFrame(call.arguments === '' ? '{}}' : '}')
    }
    this.calls.clear()
    for (const piece of this.code?.hot?.rest() ?? []) this.out += codeFrame(piece)
  }

  private endStep({ status, calls }: EventOf<'step_end'>): void {
    if (status === 'completed') this.closeCalls()
    const answer = this.code && calls?.find(({ id }) => id === this.code?.id)?.output
    if (answer) this.out += executionFrame('error', answer)
    this.forget()
  }

  /** A turn that broke off is not told to its end. */
  private forget(): void {
    this.calls.clear()
    this.code = undefined
  }

  private stand({ status, error }: EventOf<'status'>): void {
    if (status === 'waiting') this.closeCalls()
    else if (status === 'failed') this.out += errorFrame(error?.message ?? 'The run failed.')
    else if (status === 'cancelled') this.out += errorFrame('Run cancelled')
    else if (status === 'expired') this.out += errorFrame('Run expired')
  }
}

const headOf = (name: string): string => `{"name": ${JSON.stringify(name)}, "arguments": `
