import type { Records } from '../../src/drivers/records/port.ts'

const LOOK_MS = 50
const BEGUN = `select subject, fence from job where kind = 'ingest_document' and worker_id is not null`
const ENDED = `select document_id, file_id, extract(epoch from ended_at) * 1000 as ended_at from vector_store_file where ended_at is not null`

/** When the last attempt at each document began, as the table of the jobs shows it. */
export class AttemptWatch {
  /** By document. */
  private readonly begun = new Map<string, { fence: number; at: number }>()
  private readonly looking: Promise<void>
  private stopped = false

  constructor(private readonly records: Records) {
    this.looking = this.look()
  }

  /** Milliseconds of each file's last attempt, by file. One that took less than a look is left out. */
  async stop(): Promise<Map<string, number>> {
    this.stopped = true
    await this.looking
    const rows = await this.records.db.query<{ document_id: string; file_id: string; ended_at: number }>(ENDED)
    const times = rows.flatMap((row): [string, number][] => {
      const begun = this.begun.get(row.document_id)
      return begun ? [[row.file_id.replaceAll('-', ''), Math.max(0, Math.round(Number(row.ended_at) - begun.at))]] : []
    })
    return new Map(times)
  }

  private async look(): Promise<void> {
    while (!this.stopped) {
      const at = Date.now()
      // A server that is gone is noticed by those who wait for its answers.
      const rows = await this.records.db.query<{ subject: string; fence: number }>(BEGUN).catch(() => [])
      for (const { subject, fence } of rows) if (this.begun.get(subject)?.fence !== fence) this.begun.set(subject, { fence, at })
      await Bun.sleep(LOOK_MS)
    }
  }
}

interface LogLine {
  level: string
  event: string
  ms: number
  memory_bytes: number
}

export interface LogFacts {
  /** Readings by the processes, as the server saw them. */
  readings: number
  longestMs: number
  /** Beyond what the process had before that document. */
  mostBytes: number
  /** How often it warned of what, and its errors. */
  warnings: Record<string, number>
}

/** What a log of JSON lines, debug ones among them, tells. */
export function readLog(text: string): LogFacts {
  const facts: LogFacts = { readings: 0, longestMs: 0, mostBytes: 0, warnings: {} }
  for (const line of text.split('\n').filter((found) => found.startsWith('{'))) {
    const { level, event, ms, memory_bytes: bytes } = JSON.parse(line) as LogLine
    if (level === 'warn' || level === 'error') facts.warnings[`${level}: ${event}`] = (facts.warnings[`${level}: ${event}`] ?? 0) + 1
    if (event !== 'document read') continue
    facts.readings++
    facts.longestMs = Math.max(facts.longestMs, ms)
    facts.mostBytes = Math.max(facts.mostBytes, bytes)
  }
  return facts
}
