import { settingsTable } from '../config.ts'
import type { Flags } from './load-config.ts'
import { loadConfig } from './load-config.ts'
import type { Terminal } from './terminal.ts'

/** Each value and where it came from; secrets are masked. */
export function showConfig({ json, flags }: { json: boolean; flags: Flags }, terminal: Terminal): void {
  const settings = settingsTable(loadConfig(flags, terminal))
  if (json) {
    terminal.out(`${JSON.stringify(settings, null, 2)}\n`)
    return
  }
  const width = Math.max(...settings.map((setting) => setting.key.length))
  for (const { key, value, origin } of settings) terminal.out(`${key.padEnd(width)}  ${shown(value)}  (${origin})\n`)
}

function shown(value: unknown): string {
  if (value === null) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
