import { version } from '../../package.json'
import type { Terminal } from './terminal.ts'

export const VERSION: string = version

export function showVersion({ json }: { json: boolean }, terminal: Terminal): void {
  const platform = `${process.platform} ${process.arch}`
  terminal.out(
    json ? `${JSON.stringify({ version, bun: Bun.version, platform })}\n` : `tetraport ${version} (Bun ${Bun.version}, ${platform})\n`,
  )
}
