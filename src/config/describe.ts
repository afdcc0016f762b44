import type { ReadResult } from './read.ts'
import { nameOf } from './read.ts'
import type { Config } from './schema.ts'
import type { Setting } from './settings.ts'
import { SETTINGS } from './settings.ts'

const MASK = '********'

export interface ShownSetting {
  key: string
  /** Secrets are masked. */
  value: unknown
  origin: string
}

/** Each value and where it came from, safe to print. */
export function settingsTable({ config, origins }: ReadResult): ShownSetting[] {
  const masked = maskConfig(config) as unknown as Record<string, unknown>
  return SETTINGS.filter((setting) => setting.path !== null).map((setting) => ({
    key: nameOf(setting),
    value: setting.path === 'listen' ? `${config.listen.host}:${config.listen.port}` : valueAt(masked, setting),
    origin: origins[nameOf(setting)] ?? 'default',
  }))
}

/** The configuration without what must not be shown. */
export function maskConfig(config: Config): Config {
  const masked = structuredClone(config)
  for (const setting of SETTINGS) if (setting.secret) maskAt(masked as unknown as Record<string, unknown>, setting)
  for (const provider of masked.models.providers) {
    if (provider.apiKey !== null) provider.apiKey = MASK
    provider.baseUrl = maskUrl(provider.baseUrl)
  }
  return masked
}

/** A URL without its password and without its query, which some services use for passwords. */
export function maskUrl(url: string): string {
  const parsed = URL.parse(url)
  if (!parsed) return MASK
  const user = parsed.username === '' ? '' : parsed.password === '' ? `${parsed.username}@` : `${parsed.username}:${MASK}@`
  return `${parsed.protocol}//${user}${parsed.host}${parsed.pathname === '/' ? '' : parsed.pathname}${parsed.search === '' ? '' : `?${MASK}`}`
}

/** Of which only the password is a secret. */
const ADDRESSES = new Set(['records.url', 'mail.smtpUrl'])

function maskAt(config: Record<string, unknown>, setting: Setting): void {
  const [section = '', field = ''] = setting.path?.split('.') ?? []
  const values = config[section] as Record<string, unknown> | undefined
  const value = values?.[field]
  if (values && typeof value === 'string') values[field] = ADDRESSES.has(setting.path ?? '') ? maskUrl(value) : MASK
}

function valueAt(config: Record<string, unknown>, setting: Setting): unknown {
  let value: unknown = config
  for (const part of setting.path?.split('.') ?? []) value = (value as Record<string, unknown>)[part]
  return value
}

/** The table of all settings: Markdown for the README, text for a terminal. */
export function describeSettings(form: 'markdown' | 'text'): string {
  return form === 'markdown' ? markdownTable() : SETTINGS.map(textEntry).join('\n')
}

function markdownTable(): string {
  const rows = SETTINGS.map((setting) => {
    const names = [setting.key === null ? '' : `\`${setting.key}\``, setting.flag === null ? '' : `\`--${setting.flag}\``]
    const env = setting.env.map((name) => `\`${name}\``).join(', ')
    return `| ${names.filter(Boolean).join(' ') || '–'} | ${env || '–'} | ${fallbackOf(setting)} | ${setting.about} |`
  })
  return ['| TOML key and flag | Environment | Default | What it is |', '|---|---|---|---|', ...rows].join('\n')
}

function textEntry(setting: Setting): string {
  const names = [setting.key, setting.flag === null ? null : `--${setting.flag}`, ...setting.env].filter((name) => name !== null)
  return `  ${names.join(', ')}\n      ${setting.about} Default: ${fallbackOf(setting)}.`
}

const fallbackOf = (setting: Setting): string => setting.fallbackText ?? String(setting.fallback)
