import { analyse } from 'chardet'
import type { Source } from './sink.ts'

export type Encoding = Bun.Encoding

const SAMPLE = 65_536
/** How much of a file is looked through for what is not UTF-8. */
const SCAN_MAX = 16 * 1024 * 1024
/** So many sound characters stand against one broken byte in a file that is UTF-8 all the same. */
const SOUND_PER_BROKEN = 4

/** In which encoding a text is: as its first bytes say, UTF-8 where it is sound, else what its bytes look like. */
export async function detectEncoding(source: Source): Promise<Encoding> {
  const head = await source.read(0, SAMPLE)
  const marked = markOf(head) ?? zerosOf(head)
  if (marked !== undefined) return marked
  const broken = await findBroken(source)
  if (broken === undefined) return 'utf-8'
  if (broken.sound > broken.count * SOUND_PER_BROKEN) return 'utf-8'
  const sample = broken.first < head.length ? head : await source.read(broken.first, SAMPLE)
  return declaredIn(head) ?? guess(sample)
}

/** Byte order mark. */
export function markOf([a, b, c]: Uint8Array): Encoding | undefined {
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8'
  if (a === 0xff && b === 0xfe) return 'utf-16le'
  return a === 0xfe && b === 0xff ? 'utf-16be' : undefined
}

/** UTF-16 without a mark: every other byte of most texts is zero. */
function zerosOf(head: Uint8Array): Encoding | undefined {
  const zeros = [0, 0]
  for (const [at, byte] of head.entries()) if (byte === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1
  const [even = 0, odd = 0] = zeros
  const enough = head.length / 10
  if (odd > enough && even < odd / 20) return 'utf-16le'
  return even > enough && odd < even / 20 ? 'utf-16be' : undefined
}

/** Where UTF-8 breaks and how often, beside how many characters beyond ASCII are sound; undefined where it never does. */
async function findBroken(source: Source): Promise<{ first: number; count: number; sound: number } | undefined> {
  const decoder = new TextDecoder('utf-8')
  let [scanned, first, count, sound] = [0, -1, 0, 0]
  for await (const bytes of source.stream()) {
    const text = decoder.decode(bytes, { stream: true })
    const broken = text.split('\ufffd').length - 1
    if (broken > 0 && first < 0) first = scanned
    count += broken
    sound += text.match(/[^\x00-\x7f\ufffd]/g)?.length ?? 0
    scanned += bytes.length
    if (scanned > SCAN_MAX) break
  }
  return first < 0 ? undefined : { first, count, sound }
}

/** What a page says of itself. */
function declaredIn(head: Uint8Array): Encoding | undefined {
  const start = Buffer.from(head.subarray(0, 2048)).toString('latin1')
  const name = /<meta[^>]+charset\s*=\s*["']?([\w-]+)|^\s*<\?xml[^>]+encoding\s*=\s*["']([\w-]+)/i.exec(start)
  const label = name?.[1] ?? name?.[2]
  return label === undefined ? undefined : known(label)
}

function guess(sample: Uint8Array): Encoding {
  for (const { name } of analyse(sample)) {
    const encoding = name.startsWith('UTF') ? undefined : known(name)
    if (encoding !== undefined) return encoding
  }
  return 'windows-1252'
}

/** The label where a decoder for it exists. ISO-8859-1 is read as windows-1252, as the web does. */
function known(label: string): Encoding | undefined {
  try {
    return new TextDecoder(label as Encoding).encoding as Encoding
  } catch {
    return undefined
  }
}

export async function* decoded(source: Source, encoding: Encoding): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding)
  for await (const bytes of source.stream()) yield decoder.decode(bytes, { stream: true })
  yield decoder.decode()
}
