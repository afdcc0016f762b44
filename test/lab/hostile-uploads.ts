import { readFileSync } from 'node:fs'
import type { JsonObject } from '../../src/core/json.ts'
import { download, sendFile, sha256Of } from './ingest-wire.ts'
import { type Answer, request } from './wire.ts'

/** A hostile document that was made beforehand: making some takes a second, which no observer should have to wait for. */
export interface MadeDocument {
  /** What is wrong with it. */
  name: string
  filename: string
  path: string
}

export interface UploadFacts {
  names: { accepted: number; refused: number }
  /** Refused under a plain name too, and why. */
  contents: Record<string, number>
}

const AT_ONCE = 2
const BATCH = 20

/** Brings documents into a store, under their own names or, where those are refused, under plain ones. */
export class HostileUploads {
  readonly facts: UploadFacts = { names: { accepted: 0, refused: 0 }, contents: {} }
  /** What is in the store, by the id of the file without its prefix. */
  readonly attached = new Map<string, string>()
  private pending: { id: string; name: string }[] = []

  constructor(
    private readonly base: string,
    private readonly storeId: string,
    private readonly complain: (violation: string) => void,
  ) {}

  async bring(documents: readonly MadeDocument[]): Promise<void> {
    const rest = documents.entries()
    const client = async (): Promise<void> => {
      for (const [index, document] of rest) {
        await this.upload(document, index)
        if (this.pending.length >= BATCH) await this.attach()
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, client))
    await this.attach()
  }

  private async upload({ name, filename, path }: MadeDocument, index: number): Promise<void> {
    const content = readFileSync(path)
    const first = await this.send(rawBytes(filename), content)
    if (first.status === 200) {
      this.facts.names.accepted++
      await this.checkAccepted(name, first.body, content)
      return void this.pending.push({ id: String(first.body.id), name })
    }
    if (first.status !== 400) this.complain(`${name}: upload answered ${first.status} ${JSON.stringify(first.body)}`)
    this.facts.names.refused++
    const second = await this.send(`plain-${index}${/\.[a-z]{2,4}$/.exec(filename)?.[0] ?? '.txt'}`, content)
    if (second.status === 200) return void this.pending.push({ id: String(second.body.id), name })
    const why = `${second.status} ${String((second.body.error as JsonObject | undefined)?.message)}`
    this.facts.contents[why] = (this.facts.contents[why] ?? 0) + 1
    // Nothing is wrong with the name: only a file without a byte may be refused before it is read.
    if (second.status !== 400 || content.length > 0) this.complain(`${name}: upload under a plain name answered ${why}`)
  }

  private send(filename: string | Uint8Array, content: Uint8Array): Promise<Answer> {
    const sent = { path: '/v1/files', fields: { purpose: 'assistants' }, field: 'file', filename, content, pauseMs: 0 }
    return sendFile(this.base, sent)
  }

  /** The name it is shown under is no path, and its content comes back as it was. */
  private async checkAccepted(name: string, { id, filename }: JsonObject, content: Uint8Array): Promise<void> {
    if (/[/\\\u0000-\u001f\u007f]/.test(String(filename)) || ['', '.', '..'].includes(String(filename)))
      this.complain(`${name}: is shown as ${JSON.stringify(filename)}`)
    const { status, sha256 } = await download(this.base, String(id))
    if (sha256 !== sha256Of(content)) this.complain(`${name}: its download answers ${status} and has another content`)
  }

  private async attach(): Promise<void> {
    const files = this.pending.splice(0)
    if (files.length === 0) return
    const path = `/v1/vector_stores/${this.storeId}/file_batches`
    const { status, body } = await request(this.base, { path, body: { file_ids: files.map(({ id }) => id) } })
    if (status !== 200) return this.complain(`attach ${files.length} files: ${status} ${JSON.stringify(body)}`)
    for (const { id, name } of files) this.attached.set(id.replace(/^file-/, ''), name)
  }
}

/** UTF-8, where halves of letters become three bytes that no decoder takes. */
function rawBytes(name: string): Uint8Array {
  return Buffer.concat(
    Array.from(name, (letter) => {
      const code = letter.charCodeAt(0)
      if (letter.isWellFormed()) return Buffer.from(letter)
      return Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)])
    }),
  )
}
