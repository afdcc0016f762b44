import { findUnstorable } from '../../core/json.ts'
import { findFlaw } from '../../http/flaw.ts'
import { explain } from './explain.ts'

/** One mistake of a request, as FastAPI tells it: `loc` begins with `body`, `query`, `path` or `header`. */
export interface Detail {
  type: string
  loc: (string | number)[]
  msg: string
  /** What was sent there; shortened where it is long. */
  input: unknown
  ctx?: Record<string, unknown>
}

/** The part of a request in which a mistake is. */
export type Place = 'body' | 'query' | 'path' | 'header'

/**
 * A request that breaks a rule of this dialect's wire, which core has no word for, or a sentence that this contract fixes.
 * It carries its own status and detail; everything core can say is a Fault.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  constructor(
    readonly status: number,
    readonly detail: string | Detail[],
    readonly headers: Record<string, string> = {},
  ) {
    super(typeof detail === 'string' ? detail : detail.map(({ msg }) => msg).join(' '))
  }
}

/** A field of a well-formed request whose value cannot be. `path` as in `loc`, without its first word. */
export const refuseField = (
  path: readonly (string | number)[],
  msg: string,
  { place = 'body', input = null }: { place?: Place; input?: unknown } = {},
): Refusal => new Refusal(422, [{ type: 'value_error', loc: [place, ...path], msg: `Value error, ${msg}`, input, ctx: { error: {} } }])

/** Throws what is wrong with `value`. What a body holds that cannot be stored was refused while it was read. */
export function requireValid(schema: object, value: unknown, place: Place): void {
  const flaw = findFlaw(schema, value)
  if (flaw) throw new Refusal(422, [explain(flaw, { place, value })])
  const unstorable = place === 'body' ? undefined : findUnstorable(value)
  if (unstorable !== undefined) throw refuseField([unstorable], 'NUL cannot be part of it', { place })
}
