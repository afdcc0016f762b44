/** The inside of the error envelope. All four keys are always there. */
export interface ErrorBody {
  message: string
  type: string
  param: string | null
  code: string | null
}

/**
 * A request that breaks a rule of this dialect's wire, which core has no word for.
 * It carries its own status and body; everything core can say is a Fault.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly body: ErrorBody
  constructor(
    readonly status: number,
    body: Pick<ErrorBody, 'message'> & Partial<ErrorBody>,
  ) {
    super(body.message)
    this.body = { message: body.message, type: body.type ?? 'invalid_request_error', param: body.param ?? null, code: body.code ?? null }
  }
}
