import { join } from 'node:path'
import wabt from 'wabt'

/** Compiles the scan kernel of the vectors driver into a module that every build can carry: `bun scripts/scan-kernel.ts`. */
const FOLDER = join(import.meta.dir, '../src/drivers/vectors')
export const MODULE = join(FOLDER, 'scan-kernel.gen.ts')

export async function kernelModule(): Promise<string> {
  const source = await Bun.file(join(FOLDER, 'scan-kernel.wat')).text()
  const module = (await wabt()).parseWat('scan-kernel.wat', source, { simd: true })
  try {
    module.validate()
    const { buffer } = module.toBinary({})
    return [
      '// Written by scripts/scan-kernel.ts from scan-kernel.wat; do not edit.',
      '/** WebAssembly, as base64. */',
      'export const KERNEL =',
      `  '${Buffer.from(buffer).toString('base64')}'`,
      '',
    ].join('\n')
  } finally {
    module.destroy()
  }
}

if (import.meta.main) await Bun.write(MODULE, await kernelModule())
