import { dirname, join } from 'node:path'
import { packedMaps } from './packed-maps.ts'

/** What a pack begins with: where each map lies behind it. The pack is compressed as a whole. */
export type PackIndex = Record<string, [start: number, length: number]>

export interface Pack {
  index: PackIndex
  maps: Uint8Array
}

let pack: Pack | undefined

/**
 * The predefined character maps of PDF: without them the text of a Chinese, Japanese or Korean document whose fonts are not
 * embedded is numbers. From the sources they come out of the package, in the executable out of one packed file.
 */
export async function readCharacterMap(filename: string): Promise<Uint8Array> {
  if (!/^[\w-]+\.bcmap$/.test(filename)) throw new Error('No such character map.')
  if (packedMaps === undefined) {
    const folder = dirname(Bun.resolveSync('pdfjs-dist/package.json', import.meta.dir))
    return Bun.file(join(folder, 'cmaps', filename)).bytes()
  }
  pack ??= unpackMaps(await Bun.file(packedMaps).bytes())
  return mapIn(pack, filename)
}

export function mapIn({ index, maps }: Pack, filename: string): Uint8Array {
  const [start, length] = Object.hasOwn(index, filename) ? (index[filename] ?? []) : []
  if (start === undefined || length === undefined) throw new Error('No such character map.')
  return maps.slice(start, start + length)
}

export function unpackMaps(packed: Uint8Array): Pack {
  const bytes = Bun.zstdDecompressSync(packed)
  const indexEnd = 4 + bytes.readUInt32LE(0)
  return { index: JSON.parse(bytes.subarray(4, indexEnd).toString()) as PackIndex, maps: bytes.subarray(indexEnd) }
}
