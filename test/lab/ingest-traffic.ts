import type { JsonObject } from '../../src/core/json.ts'
import type { Chance } from './chance.ts'
import type { IngestHistory, LabFile, LabStore } from './ingest-history.ts'
import { download, sendFile, sha256Of } from './ingest-wire.ts'
import { type Answer, type Ask, Broken, request } from './wire.ts'

export interface IngestGround {
  history: IngestHistory
  /** Resolves with the address of a server once there is one. */
  url(): Promise<string>
  /** Told when an upload, an ingestion or a deletion is about to begin. */
  onAct(): void
  stopping(): boolean
}

/** Starts `count` clients; each ends once the ground says so and what it has begun is over. */
export function startLibrarians(ground: IngestGround, count: number, chance: Chance): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, (_, index) => new Librarian(ground, chance.fork(), `l${index}`).live()))
}

const STUCK_MS = 90_000
const RETRY_MS = 20
const PATIENCE_MS = 15_000
const PART_BYTES = 40_000
const KB = 1024

let tags = 0

/** One person with documents: uploads some, puts them into stores, waits for them, takes some away, and again. */
class Librarian {
  private readonly mine: LabFile[] = []

  constructor(
    private readonly ground: IngestGround,
    private readonly chance: Chance,
    private readonly name: string,
  ) {}

  private get history(): IngestHistory {
    return this.ground.history
  }

  async live(): Promise<void> {
    while (!this.ground.stopping()) {
      try {
        await this.visit()
      } catch (cause) {
        this.history.complain(`${this.name}: ${cause instanceof Error ? cause.stack : cause}`)
      }
    }
  }

  private async visit(): Promise<void> {
    for (let n = this.chance.between(1, 3); n > 0; n--) await this.bring()
    const files = this.mine.filter(({ state }) => state === 'there').slice(-4)
    const store = await this.openStore(this.chance.is(0.5) ? files.slice(0, 2) : [])
    if (store) {
      await this.addTo(store, files)
      if (this.chance.is(0.4)) await this.waitFor(store)
      if (this.chance.is(0.3) && files[0]) await this.addTo(store, files.slice(0, 1))
      if (this.chance.is(0.4) && files[0]) await this.takeOut(store, files[0])
    }
    if (this.chance.is(0.4)) await this.remove(this.chance.pick([this.mine[0], this.mine.at(-1)] as const))
    if (store && this.chance.is(0.4)) await this.close(store)
    if (this.chance.is(0.3)) await this.look(this.mine.at(-1))
  }

  private tag(kind: string): string {
    return `${kind}-${this.name}-${++tags}`
  }

  /** Undefined: no answer, so nobody knows. With a key it is repeated until there is one. */
  private async write(what: string, ask: (base: string) => Promise<Answer>, repeats: boolean): Promise<Answer | undefined> {
    const until = performance.now() + STUCK_MS
    this.ground.onAct()
    for (;;) {
      try {
        const answer = await ask(await this.ground.url())
        if (answer.status < 500) return answer
        this.history.refused(what, answer)
      } catch (cause) {
        if (!(cause instanceof Broken)) throw cause
        this.history.counts.broken++
      }
      if (!repeats) return undefined
      if (performance.now() > until) return void this.history.complain(`no answer in ${STUCK_MS} ms: ${what}`)
      this.history.counts.keyedRetries++
      await Bun.sleep(RETRY_MS)
    }
  }

  private post(path: string, body: JsonObject): Promise<Answer | undefined> {
    const key = this.chance.is(0.4) ? this.tag('key') : undefined
    const ask: Ask = { path, body, ...(key ? { key } : {}) }
    return this.write(`POST ${path.replace(/_[0-9a-f]{32}|file-[0-9a-f]{32}/g, '')}`, (base) => request(base, ask), key !== undefined)
  }

  private async read(path: string): Promise<Answer> {
    const answer = await this.write(`GET`, (base) => request(base, { path }), true)
    if (!answer) throw new Error(`no answer: GET ${path}`)
    return answer
  }

  private async bring(): Promise<void> {
    const tag = `${this.tag('doc')}.txt`
    const word = `needle${tag.replace(/\W/g, '')}`
    const content = Buffer.from(textOf(word, this.chance.between(1, this.chance.is(0.1) ? 300 : 40) * KB))
    const key = this.chance.is(0.4) ? this.tag('key') : undefined
    this.history.sent.set(tag, { sha256: sha256Of(content), word, keyed: key !== undefined })
    const answer = this.chance.is(0.25) ? await this.inParts(tag, content) : await this.whole({ tag, content, key })
    const file = answer && ('file' in answer ? (answer.file as JsonObject) : answer)
    if (!file) return
    const made: LabFile = { id: String(file.id), tag, state: 'there' }
    this.mine.push(made)
    this.history.files.push(made)
  }

  private async whole({
    tag,
    content,
    key,
  }: {
    tag: string
    content: Uint8Array
    key: string | undefined
  }): Promise<JsonObject | undefined> {
    const pauseMs = this.chance.is(0.5) ? this.chance.between(1, 25) : 0
    const sent = {
      path: '/v1/files',
      fields: { purpose: 'assistants' },
      field: 'file',
      filename: tag,
      content,
      pauseMs,
      ...(key ? { key } : {}),
    }
    this.history.counts.uploads++
    return this.accepted('create file', await this.write('POST /v1/files', (base) => sendFile(base, sent), key !== undefined))
  }

  private async inParts(tag: string, content: Uint8Array): Promise<JsonObject | undefined> {
    const body = { filename: tag, purpose: 'assistants', bytes: content.length, mime_type: 'text/plain' }
    const upload = this.accepted('create upload', await this.post('/v1/uploads', body))
    if (!upload) return undefined
    const ids: string[] = []
    for (let at = 0; at < content.length; at += PART_BYTES) {
      const sent = { path: `/v1/uploads/${upload.id}/parts`, fields: {}, field: 'data', filename: 'part', pauseMs: 0, key: this.tag('key') }
      const piece = { ...sent, content: content.slice(at, at + PART_BYTES) }
      const part = this.accepted('add part', await this.write('POST part', (base) => sendFile(base, piece), true))
      if (!part) return undefined
      this.history.counts.parts++
      ids.push(String(part.id))
    }
    const path = `/v1/uploads/${upload.id}/complete`
    return this.accepted('complete upload', await this.post(path, { part_ids: ids }), `/v1/uploads/${upload.id}`)
  }

  /** The body of a good answer; anything but that and silence is a complaint. */
  private accepted(what: string, answer: Answer | undefined, expected?: string): JsonObject | undefined {
    if (answer === undefined || answer.status === 200) return answer?.body
    this.history.complain(`${what}${expected ? ` ${expected}` : ''}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return undefined
  }

  private async openStore(files: LabFile[]): Promise<LabStore | undefined> {
    const body = { name: this.tag('store'), file_ids: files.map(({ id }) => id) }
    const answer = this.accepted('create store', await this.post('/v1/vector_stores', body))
    if (!answer) return undefined
    const store: LabStore = { id: String(answer.id), state: 'there', files: new Map(files.map(({ id }) => [id, 'there'])) }
    this.history.stores.push(store)
    return store
  }

  private async addTo(store: LabStore, files: LabFile[]): Promise<void> {
    if (files.length === 0) return
    const before = files.map(({ id }) => [id, store.files.get(id)] as const)
    for (const { id } of files) store.files.set(id, 'unknown')
    const single = files.length === 1 && this.chance.is(0.5)
    const path = `/v1/vector_stores/${store.id}/${single ? 'files' : 'file_batches'}`
    const body: JsonObject = single ? { file_id: files[0]?.id ?? '' } : { file_ids: files.map(({ id }) => id) }
    const answer = this.accepted(`add to ${store.id}`, await this.post(path, body))
    if (!answer) {
      // It was there, it still is: a new document of it at most.
      for (const [id, state] of before) if (state === 'there') store.files.set(id, 'there')
      return
    }
    for (const { id } of files) store.files.set(id, 'there')
    if (single) return
    const batch = { store, id: String(answer.id), cancelled: false }
    this.history.batches.push(batch)
    if (!this.chance.is(0.15)) return
    batch.cancelled = true
    if (await this.post(`${path}/${batch.id}/cancel`, {})) this.history.counts.cancelled++
  }

  /** Gives up where the server is killed sooner than it gets anything done: what must hold is looked at in the end. */
  private async waitFor(store: LabStore): Promise<void> {
    const until = performance.now() + PATIENCE_MS
    while (performance.now() < until && !this.ground.stopping()) {
      const { status, body } = await this.read(`/v1/vector_stores/${store.id}`)
      if (status !== 200) return this.history.complain(`${store.id} was acknowledged and is gone: ${status} ${JSON.stringify(body)}`)
      if ((body.file_counts as { in_progress: number }).in_progress === 0) return
      await Bun.sleep(this.chance.between(50, 200))
    }
    this.history.counts.impatient++
  }

  private async erase(path: string): Promise<boolean | undefined> {
    const answer = await this.write('DELETE', (base) => request(base, { method: 'DELETE', path }), false)
    // Nothing says 404 to the only one who may delete it.
    if (answer && answer.status !== 200) this.history.complain(`DELETE ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer && answer.status === 200
  }

  private async takeOut(store: LabStore, file: LabFile): Promise<void> {
    if (store.files.get(file.id) !== 'there') return
    store.files.set(file.id, 'unknown')
    if (!(await this.erase(`/v1/vector_stores/${store.id}/files/${file.id}`))) return
    store.files.set(file.id, 'gone')
    this.history.counts.detached++
  }

  private async remove(file: LabFile | undefined): Promise<void> {
    if (file?.state !== 'there') return
    file.state = 'unknown'
    const gone = await this.erase(`/v1/files/${file.id}`)
    if (gone) {
      file.state = 'gone'
      this.history.counts.deletedFiles++
    }
    for (const { files } of this.history.stores) if (files.has(file.id)) files.set(file.id, gone ? 'gone' : 'unknown')
    this.mine.splice(this.mine.indexOf(file), 1)
  }

  private async close(store: LabStore): Promise<void> {
    store.state = 'unknown'
    if (!(await this.erase(`/v1/vector_stores/${store.id}`))) return
    store.state = 'gone'
    this.history.counts.deletedStores++
  }

  private async look(file: LabFile | undefined): Promise<void> {
    if (file?.state !== 'there') return
    try {
      const { status, sha256 } = await download(await this.ground.url(), file.id)
      if (status < 500 && sha256 !== this.history.sent.get(file.tag)?.sha256)
        this.history.complain(`download of ${file.id}: ${status}, hash ${sha256}`)
      this.history.counts.downloads++
    } catch (cause) {
      if (!(cause instanceof Broken)) throw cause
      this.history.counts.broken++
    }
  }
}

function textOf(word: string, bytes: number): string {
  const sentence = `The keeper of the northern lighthouse wrote ${word} into the book of tides, and the sea was calm that night. `
  return sentence.repeat(Math.ceil(bytes / sentence.length))
}
