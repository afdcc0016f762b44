import { findUnstorable } from '../../core/json.ts'
import { findFlaw } from '../../http/flaw.ts'
import { type Detail, explain, type Place, valueError } from '../../http/pydantic.ts'
import { Refusal } from '../../http/refusal.ts'

export type { Detail, Place } from '../../http/pydantic.ts'
export { Refusal } from '../../http/refusal.ts'

const mistaken = (detail: Detail): Refusal<Detail> => new Refusal(422, [detail])

/** A field of a well-formed request whose value cannot be. `path` as in `loc`, without its first word. */
export const refuseField = (
  path: readonly (string | number)[],
  sentence: string,
  { place = 'body', input = null }: { place?: Place; input?: unknown } = {},
): Refusal<Detail> => mistaken(valueError([place, ...path], sentence, input))

/** Throws what is wrong with `value`. What a body holds that cannot be stored was refused while it was read. */
export function requireValid(schema: object, value: unknown, place: Place): void {
  const flaw = findFlaw(schema, value)
  if (flaw) throw mistaken(explain(flaw, { place, value }))
  const unstorable = place === 'body' ? undefined : findUnstorable(value)
  if (unstorable !== undefined) throw refuseField([unstorable], 'NUL cannot be part of it', { place })
}
