import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipEntry {
  /** Bytes where a name is to be no text. */
  name: string | Uint8Array
  content: string | Uint8Array
  /** Compressed content as it is to stand in the archive; `content` is then only what is declared. */
  raw?: Uint8Array
  /** What the headers say, where it is to be wrong. */
  declaredSize?: number
  stored?: boolean
  encrypted?: boolean
  /** Offset of another entry's local header: both then share its data. */
  at?: number
}

export interface ZipOptions {
  comment?: string
  /** Number of entries that the end of the archive claims. */
  claimedEntries?: number
  /** Flips this byte of the whole file. */
  corrupt?: number
}

interface Written {
  name: Buffer
  data: Buffer
  size: number
  crc: number
  method: number
  flags: number
  offset: number
}

function header({ name, data, size, crc, method, flags }: Written): Buffer {
  const bytes = Buffer.alloc(26)
  bytes.writeUInt16LE(20, 0)
  bytes.writeUInt16LE(flags, 2)
  bytes.writeUInt16LE(method, 4)
  bytes.writeUInt32LE(crc, 10)
  bytes.writeUInt32LE(data.length, 14)
  bytes.writeUInt32LE(size >>> 0, 18)
  bytes.writeUInt16LE(name.length, 22)
  return bytes
}

const signature = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function centralEntry(entry: Written): Buffer {
  const rest = Buffer.alloc(14)
  rest.writeUInt32LE(entry.offset, 10)
  return Buffer.concat([signature(0x02014b50), Buffer.from([20, 3]), header(entry), rest, entry.name])
}

/** A ZIP archive, sound or not: everything that a program would never write can be asked for. */
export function makeZip(entries: readonly ZipEntry[], options: ZipOptions = {}): Uint8Array {
  const parts: Buffer[] = []
  const written: Written[] = []
  let offset = 0
  for (const { name, content, raw, declaredSize, stored, encrypted, at } of entries) {
    const bytes = Buffer.from(content as string)
    const data = raw !== undefined ? Buffer.from(raw) : stored ? bytes : deflateRawSync(bytes)
    const entry: Written = {
      name: Buffer.from(name as string),
      data,
      size: declaredSize ?? bytes.length,
      crc: crc32(bytes),
      method: stored ? 0 : 8,
      flags: (encrypted ? 1 : 0) | 0x800,
      offset: at ?? offset,
    }
    written.push(entry)
    if (at !== undefined) continue
    const local = Buffer.concat([signature(0x04034b50), header(entry), entry.name, data])
    parts.push(local)
    offset += local.length
  }
  const central = Buffer.concat(written.map(centralEntry))
  const end = Buffer.alloc(18)
  end.writeUInt16LE(Math.min(65_535, options.claimedEntries ?? written.length), 4)
  end.writeUInt16LE(Math.min(65_535, options.claimedEntries ?? written.length), 6)
  end.writeUInt32LE(central.length, 8)
  end.writeUInt32LE(offset, 12)
  const comment = Buffer.from(options.comment ?? '')
  end.writeUInt16LE(comment.length, 16)
  const zip = Buffer.concat([...parts, central, signature(0x06054b50), end, comment])
  if (options.corrupt !== undefined) zip[options.corrupt] = (zip[options.corrupt] ?? 0) ^ 0xff
  return zip
}
