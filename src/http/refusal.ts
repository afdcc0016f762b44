/**
 * A request that breaks a rule of a dialect's wire, which core has no word for, or a sentence that its contract fixes. It
 * carries its own status and detail, a sentence or a list of mistakes; everything core can say is a Fault.
 */
export class Refusal<D extends { msg: string } = { msg: string }> extends Error {
  override readonly name = 'Refusal'
  constructor(
    readonly status: number,
    readonly detail: string | D[],
    readonly headers: Record<string, string> = {},
  ) {
    super(typeof detail === 'string' ? detail : detail.map(({ msg }) => msg).join(' '))
  }
}
