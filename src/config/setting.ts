import type { Parser } from './parsers.ts'
import { text } from './parsers.ts'
import type { Config } from './schema.ts'

type Field<S extends keyof Config> = `${S}.${keyof Config[S] & string}`
export type SettingPath = 'listen' | { [S in keyof Config]: Field<S> }[keyof Config]

type ValueAt<P extends string> = P extends `${infer S}.${infer F}`
  ? S extends keyof Config
    ? F extends keyof Config[S]
      ? Config[S][F]
      : never
    : never
  : P extends keyof Config
    ? Config[P]
    : never

export interface Setting {
  /** Where the value lands in Config; null: it becomes part of another setting (see models.ts). */
  path: SettingPath | null
  /** Dotted TOML key; null: not in the file. */
  key: string | null
  env: readonly string[]
  flag: string | null
  parse: Parser<unknown>
  fallback: unknown
  /** The default in words, where the value alone would mislead. */
  fallbackText: string | null
  about: string
  secret: boolean
}

interface Row<T> {
  parse: Parser<T>
  fallback: T
  about: string
  key?: string
  alsoEnv?: readonly string[]
  flag?: string
  fallbackText?: string
  secret?: boolean
}

export function setting<const P extends SettingPath>(path: P, row: Row<ValueAt<P>>): Setting {
  const key = row.key ?? path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return {
    path,
    key,
    env: [`TETRAPORT_${key.replaceAll('.', '_').toUpperCase()}`, ...(row.alsoEnv ?? [])],
    flag: row.flag ?? null,
    parse: row.parse,
    fallback: row.fallback,
    fallbackText: row.fallbackText ?? null,
    about: row.about,
    secret: row.secret ?? false,
  }
}

/** A table or list that only the file can hold; models.ts reads its inside. */
export function fileOnly(path: SettingPath, row: { fallback: unknown; fallbackText: string; about: string }): Setting {
  return { ...setting('data.dir', { parse: text, fallback: '', about: row.about }), path, key: path, env: [], parse: (raw) => raw, ...row }
}

export function customary(env: string, row: { parse: Parser<string>; about: string; secret: boolean }): Setting {
  return { path: null, key: null, env: [env], flag: null, fallback: null, fallbackText: 'none', ...row }
}

export const nullable = <T>(parse: Parser<T>): Parser<T | null> => parse

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
export const KIB = 1024
export const MIB = 1024 * KIB
export const GIB = 1024 * MIB
