import type { JsonObject } from '../../src/core/json.ts'
import { sendFile } from './ingest-wire.ts'
import { request } from './wire.ts'

const LOOK_MS = 250
/** So long nothing may come to its end while documents are in progress. */
const STUCK_MS = 120_000
const SOUND = 'The keeper of the northern lighthouse wrote the heights of the tides into her book.'
const QUESTION = 'heights of the tides'
const PAGE = 100

export interface EndedFile {
  /** Without its prefix. */
  id: string
  status: string
  error: { code: string; message: string } | null
}

/** The vector store that hostile documents are brought into, as its owner sees it. Throws where it cannot be used. */
export class HostileStore {
  private constructor(
    private readonly base: string,
    readonly id: string,
  ) {}

  static async open(base: string): Promise<HostileStore> {
    return new HostileStore(base, String((await ask(base, '/v1/vector_stores', { name: 'hostile' })).id))
  }

  get path(): string {
    return `/v1/vector_stores/${this.id}`
  }

  /** Brings sound documents, and resolves when they can be found. */
  async bringSound(count: number): Promise<void> {
    const ids = await Promise.all(Array.from({ length: count }, () => this.uploadSound()))
    await ask(this.base, `${this.path}/file_batches`, { file_ids: ids })
    await this.settled(() => true)
    const { data } = await ask(this.base, `${this.path}/search`, { query: QUESTION, max_num_results: 50 })
    const found = new Set((data as { file_id: string }[]).map(({ file_id }) => file_id))
    if (!ids.every((id) => found.has(id))) throw new Error('a sound document is not found')
  }

  private async uploadSound(): Promise<string> {
    const sent = { path: '/v1/files', fields: { purpose: 'assistants' }, field: 'file', filename: 'sound.txt', pauseMs: 0 }
    const { status, body } = await sendFile(this.base, { ...sent, content: Buffer.from(SOUND) })
    if (status !== 200) throw new Error(`upload of a sound document: ${status} ${JSON.stringify(body)}`)
    return String(body.id)
  }

  /** Resolves when no document is in progress and, as the caller says, none will come. */
  async settled(last: () => boolean, tell?: (ended: number) => void): Promise<void> {
    let seen = -1
    let since = performance.now()
    for (;;) {
      const none = last()
      const counts = (await ask(this.base, this.path)).file_counts as { in_progress: number; total: number }
      const ended = counts.total - counts.in_progress
      if (none && counts.in_progress === 0) return
      if (ended !== seen) {
        seen = ended
        since = performance.now()
        tell?.(ended)
      }
      if (performance.now() - since > STUCK_MS) throw new Error(`${counts.in_progress} documents are stuck, ${ended} have ended`)
      await Bun.sleep(LOOK_MS)
    }
  }

  async files(): Promise<EndedFile[]> {
    const files: EndedFile[] = []
    for (let after = ''; ; ) {
      const page = await ask(this.base, `${this.path}/files?limit=${PAGE}${after}`)
      for (const file of page.data as JsonObject[]) {
        const error = file.last_error as EndedFile['error']
        files.push({ id: String(file.id).replace(/^file-/, ''), status: String(file.status), error })
      }
      if (page.has_more !== true) return files
      after = `&after=${page.last_id}`
    }
  }
}

async function ask(base: string, path: string, body?: JsonObject): Promise<JsonObject> {
  const answer = await request(base, { path, ...(body ? { body } : {}) })
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body
}
