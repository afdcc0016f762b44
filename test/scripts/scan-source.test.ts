import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embedScanner } from '../../scripts/build/thread-source.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tetraport-scanner-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the scanner starts from an executable, wherever that is run', async () => {
  const outfile = join(folder, 'scan')
  const result = await Bun.build({
    entrypoints: [join(import.meta.dir, 'scan-once.ts')],
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
    ...({ format: 'esm', target: 'bun', minify: true, bytecode: true } as const),
    plugins: [await embedScanner()],
  })
  expect(result.success).toBe(true)
  const child = Bun.spawn([outfile], { cwd: '/', stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [code, output, errors] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()])
  expect({ code, output, errors }).toEqual({ code: 0, output: 'embedded: 1 candidate\n', errors: '' })
}, 60_000)
