import type { Line } from './dialects.ts'

/** What the scripted models say, given the conversation; `calls` where they ask for outputs. */
export function answerOf(model: string, lines: readonly Line[], isGone: (line: Line) => boolean): Line {
  const live = lines.filter((line) => !isGone(line))
  const asked = live.findLastIndex(({ kind }) => kind === 'user')
  if (model === 'echo') return { kind: 'assistant', text: live[asked]?.text ?? '' }
  const turn = live.slice(asked + 1).filter(({ kind }) => kind === 'assistant' || kind === 'calls').length
  if (turn === 0) return { kind: 'calls', text: '' }
  return { kind: 'assistant', text: turn === 1 ? 'thank you' : 'done' }
}

export interface Waiting {
  runId: string
  model: string
}

/** What a thread must look like in both dialects. */
export class ThreadModel {
  /** The messages of the newest state. */
  head: Line[] = []
  hasHead = false
  /** Appended since. */
  pending: Line[] = []
  metadata: Record<string, unknown>
  /** Status in the first dialect, by run. */
  readonly runs = new Map<string, string>()
  waiting: Waiting | undefined
  /** Past states by checkpoint, as they were when first seen. */
  readonly past = new Map<string, Line[]>()
  /** The newest run failed. */
  failed = false
  /** Checkpoints were removed with a run: chains may have gaps. */
  cut = false

  constructor(
    readonly id: string,
    metadata: Record<string, unknown>,
    private readonly gone = new Set<string>(),
  ) {
    this.metadata = metadata
  }

  copy(id: string): ThreadModel {
    const copy = new ThreadModel(id, { ...this.metadata, thread_id: id }, new Set(this.gone))
    Object.assign(copy, { head: [...this.head], hasHead: this.hasHead, pending: [...this.pending], cut: this.cut })
    for (const [checkpoint, lines] of this.past) copy.past.set(checkpoint, lines)
    return copy
  }

  readonly isGone = ({ id, text }: Line): boolean => this.gone.has(`${id} ${text}`)
  withdraw({ id, text }: Line): void {
    this.gone.add(`${id} ${text}`)
  }

  /** As LangGraph shows it: what was deleted stays in states that named it. */
  get state(): Line[] {
    return [...this.head, ...this.pending.filter((line) => !this.isGone(line))]
  }

  /** As the OpenAI dialect lists it. */
  get shown(): Line[] {
    return this.state.filter((line) => (line.kind === 'user' || line.kind === 'assistant') && line.text !== '' && !this.isGone(line))
  }

  get hasQuestion(): boolean {
    return this.state.some((line) => line.kind === 'user' && !this.isGone(line))
  }

  takeIn(lines: readonly Line[]): void {
    this.head = [...this.state, ...lines]
    this.pending = []
    this.hasHead = true
  }

  /** A run of `model` goes on from the head until it ends or asks. */
  go(runId: string, model: string): void {
    const answer = answerOf(model, this.head, this.isGone)
    this.head = [...this.head, answer]
    this.failed = false
    this.waiting = answer.kind === 'calls' ? { runId, model } : undefined
    this.runs.set(runId, this.waiting ? 'requires_action' : 'completed')
  }

  /** The run that waits makes way for another. */
  makeWay(): void {
    if (this.waiting) this.runs.set(this.waiting.runId, 'completed')
    this.waiting = undefined
  }
}
