import { findUnstorable } from '../../core/json.ts'
import { findFlaw } from '../../http/flaw.ts'
import { Refusal } from '../../http/refusal.ts'
import { explain } from './explain.ts'

export { Refusal } from '../../http/refusal.ts'

/** One mistake of a request: where it is (`body`, `query` or `path` first), a sentence, and a word for programs. */
export interface Detail {
  loc: (string | number)[]
  msg: string
  type: string
}

/** The part of a request in which a mistake is. */
export type Place = 'body' | 'query' | 'path' | 'header'

/** A field of a well-formed request whose value cannot be. `path` as in `loc`, without its first word. */
export const refuseField = (path: readonly (string | number)[], msg: string, place: Place = 'body'): Refusal<Detail> =>
  new Refusal(422, [{ loc: [place, ...path], msg, type: 'value_error' }])

/** Throws what is wrong with `value`. What a body holds that cannot be stored was refused while it was read. */
export function requireValid(schema: object, value: unknown, place: Place): void {
  const flaw = findFlaw(schema, value)
  if (flaw) throw new Refusal(422, [explain(flaw, place)])
  const unstorable = place === 'body' ? undefined : findUnstorable(value)
  if (unstorable !== undefined) throw refuseField([unstorable], `${unstorable}: NUL cannot be part of it.`, place)
}
