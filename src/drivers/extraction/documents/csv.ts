import { Readable } from 'node:stream'
import papaparse from 'papaparse'
import type { TextSink } from './sink.ts'
import { TableText } from './table.ts'

/** Rows that are read ahead of what was written. */
const CHUNK_ROWS = 1_000

/** Reads rows of any common delimiter, each written with the names of its columns. */
export async function readCsv(texts: AsyncIterable<string>, sink: TextSink): Promise<void> {
  const table = new TableText((text) => sink.write(text), { header: 'guess' })
  const parsed = papaparse.parse(papaparse.NODE_STREAM_INPUT, { skipEmptyLines: true })
  const rows = Readable.from(texts).compose(parsed) as AsyncIterable<unknown>
  let count = 0
  for await (const row of rows) {
    if (Array.isArray(row)) table.row(row.map((cell) => String(cell)).entries())
    if (++count % CHUNK_ROWS === 0) await sink.flush()
  }
}
