import { type Kind, notFound } from '../../core/fault.ts'
import { isUuid, readId, spellShortId } from '../../core/id.ts'
import type { Name } from '../../core/ownership/access.ts'
import { hostedId } from '../../core/tools/hosted.ts'

/** The first of each is how ids are shown; the others, which other surfaces of this server give out, are read too. */
const PREFIXES = {
  user: ['user_'],
  thread: ['thread_'],
  message: ['message_', 'msg_'],
  run: ['run_'],
  assistant: ['asst_'],
  tool: ['tool_'],
  action: ['act_'],
  file: ['file_', 'file-'],
  vector_store: ['vect_', 'vs_'],
  entry: ['vsf_'],
} as const satisfies Partial<Record<Kind, readonly string[]>>

export type SpelledKind = keyof typeof PREFIXES

/** The server's own tools have had these ids for ever; most of them spell no UUID. */
const HOSTED_TOOLS = new Map<string, string>([
  [hostedId('code_interpreter'), 'tool_79YkQEz5cDwpJjnR7oJ80D'],
  [hostedId('web_search'), 'tool_BiIwycpLo1n5Dh6BHN01v8'],
  [hostedId('vector_store_search'), 'tool_MCaJpXJU3eW6vaMUybEf6i'],
  [hostedId('computer'), 'tool_PJQ6VcnkmRCMankObjtRcn'],
])
const HOSTED_IDS = new Map([...HOSTED_TOOLS].map(([id, text]) => [text, id]))

/** Ids that clients chose are shown as they are. */
export const spell = (kind: SpelledKind, id: string): string =>
  HOSTED_TOOLS.get(id) ?? (isUuid(id) ? spellShortId(PREFIXES[kind][0], id) : id)

export const spellOrNull = (kind: SpelledKind, id: string | null | undefined): string | null =>
  id === null || id === undefined ? null : spell(kind, id)

/** The core id behind `text`, in either spelling; undefined where it can be none. */
export function decodeId(kind: SpelledKind, text: string): string | undefined {
  const hosted = HOSTED_IDS.get(text)
  if (hosted !== undefined) return kind === 'tool' ? hosted : undefined
  for (const prefix of PREFIXES[kind]) {
    const id = readId(prefix, text)
    if (id !== undefined) return id
  }
  return undefined
}

/** A body may hold megabytes where an id was expected. */
const SHOWN_CHARS_MAX = 100

/** The core id behind `text`. One that cannot exist answers as one that does not. */
export function requireId(kind: SpelledKind, text: string): string {
  const id = decodeId(kind, text)
  if (id === undefined) throw notFound(kind, text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text)
  return id
}

/** What may have an id that its client chose. */
export function nameOf(kind: 'assistant' | 'vector_store', text: string): Name {
  const id = decodeId(kind, text)
  return { alias: text, ...(id === undefined ? {} : { id }) }
}

/** As its client knows an object that may have an id of the client's own. */
export const spellName = (kind: 'assistant' | 'vector_store', id: string, alias: string | null | undefined): string =>
  alias ?? spell(kind, id)

export const isSpelled = (kind: Kind): kind is SpelledKind => Object.hasOwn(PREFIXES, kind)
