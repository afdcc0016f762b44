import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ConfigFile, ReadResult } from '../config.ts'
import { ConfigError, readConfig } from '../config.ts'
import type { Terminal } from './terminal.ts'

/** Values of the flags that a command declares, by flag name. */
export type Flags = Readonly<Record<string, string | undefined>>

const DEFAULT_FILE = 'tetraport.toml'

export function loadConfig({ config, ...flags }: Flags, terminal: Terminal): ReadResult {
  const readText = (path: string): string => readFileSync(resolve(terminal.cwd, path), 'utf8')
  const file = findFile(config ?? terminal.env.TETRAPORT_CONFIG, { terminal, readText })
  return readConfig({ flags, env: terminal.env, file, host: { cwd: terminal.cwd, root: terminal.root, readText } })
}

interface Reading {
  terminal: Terminal
  readText(path: string): string
}

/** A file that was asked for must be there; the customary one may be missing. */
function findFile(stated: string | undefined, { terminal, readText }: Reading): ConfigFile | null {
  if (!stated && !existsSync(resolve(terminal.cwd, DEFAULT_FILE))) return null
  const path = stated || DEFAULT_FILE
  try {
    return { path, text: readText(path) }
  } catch (error) {
    throw new ConfigError([`the configuration file cannot be read: ${(error as Error).message}`])
  }
}
