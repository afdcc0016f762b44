import type { Answer } from './wire.ts'

/** What a client knows of something: an answer said so, or nobody answered when it was changed. */
export type Known = 'there' | 'gone' | 'unknown'

export interface LabFile {
  id: string
  /** Its name; only this upload carries it. */
  tag: string
  state: Known
}

export interface LabStore {
  id: string
  state: Known
  /** By file id, what the client knows of its being in the store. */
  files: Map<string, Known>
}

/** Everything the clients of the ingestion lab know. */
export class IngestHistory {
  readonly files: LabFile[] = []
  readonly stores: LabStore[] = []
  readonly batches: { store: LabStore; id: string; cancelled: boolean }[] = []
  /** Content that was sent, acknowledged or not, by tag. */
  readonly sent = new Map<string, { sha256: string; word: string; keyed: boolean }>()
  readonly complaints: string[] = []
  readonly counts = {
    broken: 0,
    keyedRetries: 0,
    uploads: 0,
    parts: 0,
    deletedFiles: 0,
    deletedStores: 0,
    detached: 0,
    cancelled: 0,
    downloads: 0,
    impatient: 0,
  }
  /** Answers of 500 and above, which acknowledge nothing, by what they said. */
  readonly refusals = new Map<string, number>()

  refused(what: string, answer: Answer): void {
    const { error } = answer.body as { error?: { message?: string } }
    const said = `${what}: ${answer.status} ${error?.message ?? ''}`
    this.refusals.set(said, (this.refusals.get(said) ?? 0) + 1)
  }

  complain(text: string): void {
    this.complaints.push(text)
  }

  get acked(): number {
    const members = this.stores.reduce((sum, { files }) => sum + files.size, 0)
    return this.files.length + this.stores.length + members
  }
}
