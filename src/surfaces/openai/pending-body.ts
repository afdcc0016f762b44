import type { BodyLimits } from '../../http/body.ts'
import { readJson } from '../../http/body.ts'

/** A request body that nobody has read yet: who may send it is known first. */
export class PendingBody {
  /** The JSON as sent; undefined until `read` is done. */
  value: unknown
  constructor(
    private readonly request: Request,
    private readonly limits: BodyLimits,
  ) {}

  async read(): Promise<unknown> {
    this.value = await readJson(this.request, this.limits)
    return this.value
  }
}
