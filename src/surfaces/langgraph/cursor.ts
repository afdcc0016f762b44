import { refuseField } from './refusal.ts'

/**
 * A place in a run's stream. Event `seq` of the journal may become several frames: frame `part` of it (from 0) was the
 * last one seen, or all of them where `part` is null.
 */
export interface Cursor {
  seq: number
  part: number | null
}

export const START: Cursor = { seq: 0, part: null }

export const LAST_EVENT = 'last-event-id'
/** What clients send who want everything. */
const FROM_START = '-1'

const CURSOR = /^(\d{1,9})(?:\.(\d{1,4}))?$/

/** The cursor that the id of a frame stands for; undefined where it is no such id. */
export function readCursor(text: string): Cursor | undefined {
  const match = CURSOR.exec(text)
  return match ? { seq: Number(match[1]), part: match[2] === undefined ? null : Number(match[2]) } : undefined
}

/**
 * Where a reader wants to go on. Without a header it is told everything: a client whose connection broke before the
 * first frame has no id to name, and must not miss what was said meanwhile.
 */
export function cursorOf(headers: Headers): Cursor {
  const text = lastEventId(headers)
  if (text === undefined) return START
  const cursor = readCursor(text)
  if (!cursor) throw refuseCursor(text)
  return cursor
}

/** Undefined: from the start. */
export function lastEventId(headers: Headers): string | undefined {
  const text = headers.get(LAST_EVENT)?.trim()
  return text === undefined || text === '' || text === FROM_START ? undefined : text
}

export const refuseCursor = (text: string) =>
  refuseField(
    [LAST_EVENT],
    `${LAST_EVENT}: expected the id of an event of this stream, or ${FROM_START}, but got '${text.slice(0, 64)}'.`,
    'header',
  )
