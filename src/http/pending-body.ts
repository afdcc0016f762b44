import type { BodyLimits } from './body.ts'
import { readJson } from './body.ts'
import { readUpload, type UploadForm, type UploadReader } from './upload.ts'

/** A request body that nobody has read yet: who may send it is known first. */
export class PendingBody {
  /** What tells this request from another: the JSON as sent; undefined until it was read. */
  value: unknown
  constructor(
    private readonly request: Request,
    private readonly limits: BodyLimits,
  ) {}

  async read(): Promise<unknown> {
    this.value = await readJson(this.request, this.limits)
    return this.value
  }

  /** As a multipart form; whoever reads it sets `value`. */
  readUpload<T>({ fileBytesMax, ...reader }: Omit<UploadReader<T>, 'limits'> & { fileBytesMax: number }): Promise<UploadForm<T>> {
    return readUpload(this.request, { ...reader, limits: { ...this.limits, fileBytesMax } })
  }
}
