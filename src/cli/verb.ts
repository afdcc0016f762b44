import { type Command, Option } from 'commander'
import { bool } from '../config/parsers.ts'
import { SETTINGS } from '../config/settings.ts'
import type { Flags } from './load-config.ts'

export type Values = Record<string, string | boolean | undefined>

export const isJson = (values: Values): boolean => values.json === true

export function verb(parent: Command, name: string, about: string): Command {
  return parent.command(name).description(about).option('--json', 'print JSON, for programs')
}

/** Adds `--config` and the named flags of the settings' table. */
export function settingFlags(command: Command, ...names: string[]): Command {
  command.addOption(new Option('--config <file>', 'configuration file; ./tetraport.toml is read when it is there'))
  for (const { flag, about, env, fallback, fallbackText, parse } of SETTINGS) {
    if (flag === null || !names.includes(flag)) continue
    const words = `${about} Also ${env.join(', ')}. Default: ${fallbackText ?? String(fallback)}.`
    command.addOption(new Option(parse === bool ? `--${flag}` : `--${flag} <value>`, words))
  }
  return command
}

/** Commander hands flags over in camel case; the settings' table knows them as they are typed. */
function flagsOf(values: Values): Flags {
  const flags: Record<string, string> = {}
  for (const { flag } of [...SETTINGS, { flag: 'config' }]) {
    const value = flag === null ? undefined : values[flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())]
    if (flag !== null && (typeof value === 'string' || value === true)) flags[flag] = String(value)
  }
  return flags
}

export const examples = (...lines: string[]): string => `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`

/** What every command that works on the data takes. */
export const common = (values: Values) => ({ json: isJson(values), flags: flagsOf(values) })
