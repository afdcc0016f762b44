import { Fault } from '../../core/fault.ts'

/**
 * A place in a run's stream. Event `seq` of the journal may become several frames: frame `part` of it (from 0) was the
 * last one seen, or all of them where `part` is null.
 */
export interface Cursor {
  seq: number
  part: number | null
}

export const START: Cursor = { seq: 0, part: null }

const CURSOR = /^(\d{1,9})(?:\.(\d{1,3}))?$/

/** The cursor that a frame's id stands for; `param` is where the client put it. */
export function requireCursor(text: string, param: string): Cursor {
  const match = CURSOR.exec(text)
  if (!match)
    throw new Fault('invalid', `Invalid '${param}': '${text}'. Expected the ID of an event of this stream.`, { param, reason: 'value' })
  return { seq: Number(match[1]), part: match[2] === undefined ? null : Number(match[2]) }
}
