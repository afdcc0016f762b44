import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embedStrength } from '../../scripts/build/thread-source.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tetraport-strength-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('passwords are measured in an executable, wherever that is run', async () => {
  const outfile = join(folder, 'strength')
  const result = await Bun.build({
    entrypoints: [join(import.meta.dir, 'strength-once.ts')],
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
    ...({ format: 'esm', splitting: true, target: 'bun', minify: true, bytecode: true } as const),
    plugins: [await embedStrength()],
  })
  expect(result.success).toBe(true)
  const child = Bun.spawn([outfile], { cwd: '/', stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [code, output, errors] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()])
  expect({ code, output, errors }).toEqual({ code: 0, output: 'embedded: 13.7\nagain: 13.7\n', errors: '' })
}, 60_000)
