import { Fault, type Kind, notFound } from '../../core/fault.ts'
import { isUuid, readId, spellId } from '../../core/id.ts'
import { unknownCursor } from '../../core/page.ts'

/** `key` and `model` are not spelled: clients know them by their own text. The others are not of this dialect. */
type Unspelled =
  | ('key' | 'model' | 'checkpoint' | 'graph' | 'schedule' | 'item' | 'user' | 'tool' | 'action' | 'entry')
  | ('session' | 'invite' | 'signup_request')

export const PREFIXES: Record<Exclude<Kind, Unspelled>, string> = {
  assistant: 'asst_',
  thread: 'thread_',
  message: 'msg_',
  run: 'run_',
  step: 'step_',
  file: 'file-',
  upload: 'upload_',
  upload_part: 'part_',
  vector_store: 'vs_',
  file_batch: 'vsfb_',
  completion: 'chatcmpl-',
}

export type SpelledKind = keyof typeof PREFIXES

/** An id that never belongs to a row: what an undecodable filter value stands for. */
const NOBODY = '00000000-0000-0000-0000-000000000000'

export const spell = (kind: SpelledKind, id: string): string => (isUuid(id) ? spellId(PREFIXES[kind], id) : id)

/** A body may hold megabytes where an id was expected. */
const SHOWN_CHARS_MAX = 100

function requirePrefix(kind: SpelledKind, param: string, text: string): void {
  if (text.startsWith(PREFIXES[kind]) && text.length <= SHOWN_CHARS_MAX) return
  const expected = PREFIXES[kind].replace(/[_-]$/, '')
  const shown = text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text
  throw new Fault('invalid', `Invalid '${param}': '${shown}'. Expected an ID that begins with '${expected}'.`, { param, reason: 'value' })
}

/** The core id behind `text`, which the client gave as `param`. One that cannot exist answers as one that does not. */
export function requireId(kind: SpelledKind, param: string, text: string): string {
  requirePrefix(kind, param, text)
  const id = readId(PREFIXES[kind], text)
  if (id === undefined) throw notFound(kind, text)
  return id
}

/** For filters: an id that cannot exist selects nothing. */
export function filterId(kind: SpelledKind, param: string, text: string): string {
  requirePrefix(kind, param, text)
  return readId(PREFIXES[kind], text) ?? NOBODY
}

export function cursorId(kind: SpelledKind, param: 'after' | 'before', text: string): string {
  requirePrefix(kind, param, text)
  const id = readId(PREFIXES[kind], text)
  if (id === undefined) throw unknownCursor(param, text)
  return id
}
