import { type Entry, openPromise, type ZipFile } from 'yauzl'
import { invalid, Refusal } from './refusal.ts'

const ENTRIES_MAX = 20_000
/** Everything that is unpacked of one document. */
const INFLATED_MAX = 256 * 1024 * 1024
/** Deflate packs zeros 1 000 to 1, and the XML of the most repetitive real spreadsheets less than 200 to 1. */
const RATIO_MAX = 250
const RATIO_FROM = 8 * 1024 * 1024

const BROKEN = 'The file is broken: its ZIP archive cannot be read.'
const BOMB = 'The file is refused: unpacked it would be out of all proportion to its size.'

/**
 * The parts of a ZIP archive by name. Names are only looked up here: nothing is ever written, and an archive inside an
 * archive is not opened.
 */
export class Archive {
  private inflated = 0

  private constructor(
    private readonly zip: ZipFile,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  static async open(path: string): Promise<Archive> {
    const zip = await asRefusal(openPromise(path, { decodeStrings: false, autoClose: false }))
    try {
      return new Archive(zip, await listEntries(zip))
    } catch (error) {
      zip.close()
      throw error instanceof Refusal ? error : invalid(BROKEN)
    }
  }

  close(): void {
    this.zip.close()
  }

  has(name: string): boolean {
    return this.entries.has(keyOf(name))
  }

  /** Whether any name begins so. */
  hasFolder(prefix: string): boolean {
    for (const name of this.entries.keys()) if (name.startsWith(prefix)) return true
    return false
  }

  /** The part unpacked as it is read; a part that is not there is a broken document. */
  async *read(name: string): AsyncGenerator<Uint8Array> {
    const entry = this.entries.get(keyOf(name))
    if (entry === undefined) throw invalid('The file is broken: a part of it is missing.')
    if (entry.isEncrypted()) throw invalid('The file is encrypted: it cannot be read without its password.')
    if (entry.uncompressedSize > INFLATED_MAX) throw invalid(BOMB)
    const stream = await asRefusal(this.zip.openReadStreamPromise(entry))
    let bytes = 0
    try {
      for await (const piece of stream) {
        bytes += piece.length
        this.inflated += piece.length
        if (this.inflated > INFLATED_MAX || (bytes > RATIO_FROM && bytes > entry.compressedSize * RATIO_MAX)) throw invalid(BOMB)
        yield piece
      }
    } catch (error) {
      throw error instanceof Refusal ? error : invalid(BROKEN)
    } finally {
      stream.destroy()
    }
  }
}

async function listEntries(zip: ZipFile): Promise<Map<string, Entry>> {
  if (zip.entryCount > ENTRIES_MAX) throw invalid(`The file is refused: its archive has more than ${ENTRIES_MAX} entries.`)
  const entries = new Map<string, Entry>()
  for await (const entry of zip.eachEntry()) {
    const name = keyOf(Buffer.from(entry.fileNameRaw).toString('utf8'))
    if (!entries.has(name)) entries.set(name, entry)
  }
  return entries
}

/** Some programs write backslashes, others another case than they refer to. */
const keyOf = (name: string): string => name.replaceAll('\\', '/').replace(/^\/+/, '').toLowerCase()

async function asRefusal<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening
  } catch {
    throw invalid(BROKEN)
  }
}
