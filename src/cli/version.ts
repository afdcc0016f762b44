import { version } from '../../package.json'
import type { Terminal } from './terminal.ts'

export const VERSION: string = version

/** Put in by the build; absent when the program runs from its sources. */
declare const TETRAPORT_COMMIT: string | undefined
const commit = typeof TETRAPORT_COMMIT === 'undefined' ? null : TETRAPORT_COMMIT || null

export function showVersion({ json }: { json: boolean }, terminal: Terminal): void {
  const platform = `${process.platform} ${process.arch}`
  terminal.out(
    json
      ? `${JSON.stringify({ version, commit, bun: Bun.version, platform })}\n`
      : `tetraport ${version} (${commit === null ? '' : `${commit}, `}Bun ${Bun.version}, ${platform})\n`,
  )
}
