import { AIMessageChunk, type BaseMessage } from '@langchain/core/messages'
import { BUILT_IN_GRAPH } from '../core/graphs/graphs.ts'
import type { GraphCall, StreamMode } from '../core/runs/call.ts'
import type { RunEvent } from '../core/runs/events.ts'
import { isMessageLike, toPlainText } from './plain.ts'

/** The key of what a graph asks. */
const INTERRUPT = '__interrupt__'

type ModeEvent = Extract<RunEvent, { type: 'mode' }>
type Fields = Record<string, unknown>

/** LangGraph's own modes that serve the asked ones; `events` comes with the events themselves. */
export function libraryModes(modes: readonly StreamMode[]): string[] {
  const wanted = new Set<string>()
  for (const mode of modes) {
    if (mode === 'messages-tuple') wanted.add('messages')
    else if (mode === 'messages') wanted.add('messages').add('values')
    else if (mode !== 'events') wanted.add(mode)
  }
  return [...wanted]
}

/** Without what LangGraph carries along for itself. */
function shownConfig(config: unknown): unknown {
  const { configurable } = (config ?? {}) as { configurable?: Fields }
  if (!configurable) return undefined
  return { configurable: Object.fromEntries(Object.entries(configurable).filter(([key]) => !key.startsWith('__'))) }
}

function checkpointKey(config: unknown): unknown {
  const { configurable } = (config ?? {}) as { configurable?: Fields }
  if (!configurable) return null
  const { thread_id, checkpoint_id, checkpoint_ns, checkpoint_map } = configurable
  return { thread_id, checkpoint_id, checkpoint_ns: checkpoint_ns ?? '', checkpoint_map: checkpoint_map ?? null }
}

/** The payload of a checkpoint as clients read it. */
function shownCheckpoint(payload: Fields): Fields {
  const { config, parentConfig, values, metadata, next, tasks } = payload
  return {
    ...{ config: shownConfig(config), parent_config: shownConfig(parentConfig) ?? null, values, metadata, next },
    tasks: ((tasks ?? []) as Fields[]).map((task) => (task.state ? { ...task, state: shownConfig(task.state) } : task)),
    ...{ checkpoint: checkpointKey(config), parent_checkpoint: parentConfig ? checkpointKey(parentConfig) : null },
  }
}

function shownDebug(payload: Fields): Fields {
  return payload.type === 'checkpoint' ? { ...payload, payload: shownCheckpoint(payload.payload as Fields) } : payload
}

/** What a graph streams, as the run's events. One for each run: it knows which messages it has told. */
export class ModeTeller {
  private readonly asked: ReadonlySet<string>
  private readonly waited: boolean
  /** What the model says is in the run's other events. */
  private readonly recorded: boolean
  /** What was said of each message so far, for the old `messages` mode. */
  private readonly partial = new Map<string, AIMessageChunk>()
  private readonly complete: Set<string>
  /** Of a run that nobody follows. */
  private last: unknown[] = []

  /** @param known ids of messages that were there before the run */
  constructor(
    call: Pick<GraphCall, 'graph' | 'modes' | 'waited'>,
    private readonly emit: (event: ModeEvent) => void,
    known: Iterable<string>,
  ) {
    this.recorded = call.graph === BUILT_IN_GRAPH
    this.asked = new Set(call.modes)
    this.waited = call.waited ?? false
    this.complete = new Set(known)
  }

  /** One chunk of the library: `[mode, payload]`, or `[path, mode, payload]` with subgraphs. */
  chunk(chunk: unknown): void {
    const parts = chunk as unknown[]
    const [path, mode, payload] = parts.length === 3 ? (parts as [string[], string, unknown]) : [[], ...(parts as [string, unknown])]
    const ns = path.join('|')
    if (mode === 'messages') this.message(ns, payload as [BaseMessage, Fields])
    if (mode === 'values' && ns === '' && this.asked.has('messages')) this.completed(payload)
    if (mode === 'messages' || !this.asked.has(mode)) return
    if (mode === 'checkpoints') {
      // Short notices travel on this mode too.
      if ('values' in (payload as Fields)) this.tell(mode, ns, shownCheckpoint(payload as Fields))
    } else this.tell(mode, ns, mode === 'debug' ? shownDebug(payload as Fields) : payload)
  }

  /** An event of LangChain's own stream of events. */
  event(event: unknown): void {
    if (this.asked.has('events')) this.tell('events', '', event)
  }

  /** The graph has come to its end. */
  end(): void {
    for (const values of this.last) this.emit({ type: 'mode', mode: 'values', ns: '', data: toPlainText(values) })
  }

  private tell(mode: string, ns: string, payload: unknown): void {
    if (this.waited) this.keep(mode, ns, payload)
    else this.emit({ type: 'mode', mode, ns, data: toPlainText(payload) })
  }

  /** The newest values, and what was asked behind them. */
  private keep(mode: string, ns: string, payload: unknown): void {
    if (mode !== 'values' || ns !== '') return
    const asks = typeof payload === 'object' && payload !== null && INTERRUPT in payload
    this.last = asks ? [...this.last.slice(0, 1), payload] : [payload]
  }

  private message(ns: string, [message, metadata]: [BaseMessage, Fields]): void {
    if (this.recorded && message.getType() === 'ai') return
    if (this.asked.has('messages-tuple')) this.tell('messages', ns, [message, metadata])
    if (!this.asked.has('messages') || !AIMessageChunk.isInstance(message) || message.id === undefined) return
    const before = this.partial.get(message.id)
    if (!before) this.tell('messages/metadata', '', { [message.id]: { metadata } })
    const sofar = before ? before.concat(message) : message
    this.partial.set(message.id, sofar)
    this.tell('messages/partial', '', [sofar])
  }

  private completed(values: unknown): void {
    const { messages } = (values ?? {}) as { messages?: unknown }
    if (!Array.isArray(messages)) return
    const news = messages.filter(
      (m): m is BaseMessage => typeof m === 'object' && m !== null && isMessageLike(m) && m.id !== undefined && !this.complete.has(m.id),
    )
    for (const { id } of news) this.complete.add(id as string)
    if (news.length > 0) this.tell('messages/complete', '', news)
  }
}
