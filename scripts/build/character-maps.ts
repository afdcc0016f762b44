import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BunPlugin } from 'bun'
import type { PackIndex } from '../../src/drivers/extraction/documents/character-maps.ts'
import { CACHE, ROOT } from './workspace.ts'

const MAPS = join(ROOT, 'node_modules/pdfjs-dist/cmaps')

/** One compressed file of all character maps, as `readCharacterMap` reads it. */
export function packCharacterMaps(): Uint8Array {
  const index: PackIndex = {}
  const maps: Buffer[] = []
  let offset = 0
  for (const name of readdirSync(MAPS)
    .filter((file) => file.endsWith('.bcmap'))
    .sort()) {
    const map = readFileSync(join(MAPS, name))
    index[name] = [offset, map.length]
    maps.push(map)
    offset += map.length
  }
  const head = Buffer.from(JSON.stringify(index))
  const size = Buffer.alloc(4)
  size.writeUInt32LE(head.length)
  return Bun.zstdCompressSync(Buffer.concat([size, head, ...maps]), { level: 19 })
}

/** Puts the maps into the executable, in place of the module that says there are none. */
export function embedCharacterMaps(): BunPlugin {
  const path = join(CACHE, 'character-maps.zst')
  mkdirSync(CACHE, { recursive: true })
  writeFileSync(path, packCharacterMaps())
  return {
    name: 'embed-character-maps',
    setup(build) {
      build.onLoad({ filter: /[\\/]extraction[\\/]documents[\\/]packed-maps\.ts$/ }, () => ({
        loader: 'ts',
        contents: `import path from ${JSON.stringify(path)} with { type: 'file' }\nexport const packedMaps = path`,
      }))
    },
  }
}
