import { join } from 'node:path'

export const ROOT = join(import.meta.dir, '../..')
/** What a later build can use again. */
export const CACHE = join(ROOT, 'node_modules/.cache/tetraport')

export async function run(command: string[], stderr: 'inherit' | 'ignore' = 'inherit'): Promise<string> {
  const child = Bun.spawn(command, { cwd: ROOT, stdin: 'ignore', stdout: 'pipe', stderr })
  const [code, output] = await Promise.all([child.exited, child.stdout.text()])
  if (code !== 0) throw new Error(`${command.join(' ')} ended with code ${code}.`)
  return output.trim()
}
