import { Fault } from '../../core/fault.ts'
import { findUnstorable } from '../../core/json.ts'
import { findFlaw } from '../../http/flaw.ts'
import { type Detail, detailOf, explain, type Place, valueError } from '../../http/pydantic.ts'
import { Refusal as AnyRefusal } from '../../http/refusal.ts'

export type { Detail, Place } from '../../http/pydantic.ts'

/** Words for programs, of what only this dialect refuses. */
export type Code = 'validation_error' | 'not_found' | 'method_not_allowed' | 'conflict' | 'unauthenticated' | 'precondition_failed'

/** A list of mistakes is told with 422, a sentence with its code. */
export class Refusal extends AnyRefusal<Detail> {
  constructor(
    status: number,
    detail: string | Detail[],
    readonly code: Code,
    headers: Record<string, string> = {},
  ) {
    super(status, detail, headers)
  }
}

const mistaken = (details: Detail[]): Refusal => new Refusal(422, details, 'validation_error')

/** A field of a well-formed request whose value cannot be. `path` as in `loc`, without its first word. */
export const refuseField = (path: readonly (string | number)[], sentence: string, place: Place = 'body'): Refusal =>
  mistaken([valueError([place, ...path], sentence)])

/** Throws what is wrong with `value`, without repeating it. */
export function requireValid(schema: object, value: unknown, place: Place): void {
  const flaw = findFlaw(schema, value)
  if (flaw) throw mistaken([{ ...explain(flaw, { place, value }), input: null }])
  const unstorable = place === 'body' ? undefined : findUnstorable(value)
  if (unstorable !== undefined) throw refuseField([unstorable], 'NUL cannot be part of it', place)
}

/** As a field's mistake. The parser's own words would repeat what was sent, which may be a password. */
export const toDetail = (fault: Fault): Detail => ({
  ...detailOf(fault),
  ...(fault.facts.reason === 'syntax' ? { ctx: { error: 'The body is no JSON that can be read.' } } : {}),
})

/** What core finds wrong with an input is 400 here; as 422, with the field, where the contract says so. */
export async function as422<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Fault && error.code === 'invalid') throw mistaken([toDetail(error)])
    throw error
  }
}
