import { type Dirent, mkdirSync, readdirSync } from 'node:fs'
import { join, sep } from 'node:path'
import { HOSTILE_NAMES } from '../support/documents/hostile-names.ts'

/** Folders of a server that nobody else uses: whatever is new in them, it wrote. */
export interface Places {
  /** All others lie in it. */
  root: string
  data: string
  cwd: string
  /** For the environment of the server. */
  env: Record<string, string>
}

export function makePlaces(root: string): Places {
  const at = (name: string): string => join(root, name)
  for (const name of ['cwd', 'home', 'tmp']) mkdirSync(at(name))
  return { root, data: at('data'), cwd: at('cwd'), env: { HOME: at('home'), TMPDIR: at('tmp') } }
}

/** Folders that a path in a name may lead to. Others write there too. */
const SHARED = ['/', '/tmp', '/etc']
/** Every part of every name that was sent, as it stands in uploads and in archives. */
const CLIENT_NAMES = new Set(HOSTILE_NAMES.flatMap((name) => [name, ...name.split(/[/\\]/)]).filter((part) => !/^[\s.]*$/.test(part)))
const isClientName = (name: string): boolean => CLIENT_NAMES.has(name) || /escaped/i.test(name)

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const OURS: [folder: string, path: RegExp][] = [
  ['files', new RegExp(`^${UUID}(?:/[0-9a-f]{2}(?:/${UUID})?)?$`)],
  ['extraction', new RegExp(`^\\d+-${UUID}$`)],
]

export interface Listing {
  /** Paths under the root, without the data folder. */
  around: Set<string>
  /** Paths under the data folder. */
  data: Set<string>
  /** Paths in folders that are not ours. */
  shared: Set<string>
}

export const listPlaces = ({ root, data }: Places): Listing => ({
  around: new Set(pathsUnder(root, (path) => path === 'data')),
  data: new Set(pathsUnder(data, () => false)),
  shared: new Set(SHARED.flatMap((dir) => entriesOf(dir).map(({ name }) => join(dir, name)))),
})

/** What was written where it should not be, between two looks. */
export function strayPaths(before: Listing, after: Listing): string[] {
  const fresh = (which: keyof Listing): string[] => [...after[which]].filter((path) => !before[which].has(path))
  return [
    ...fresh('around').map((path) => `written outside of the data folder: ${path}`),
    ...fresh('shared').flatMap((path) => (isClientName(lastOf(path)) ? [`written outside of everything: ${path}`] : [])),
    ...fresh('data').flatMap((path) => complaintAbout(path) ?? []),
  ]
}

function complaintAbout(path: string): string | undefined {
  if (path.split(sep).some(isClientName)) return `a client's name in the data folder: ${path}`
  for (const [folder, ours] of OURS) {
    if (path === folder) return undefined
    if (path.startsWith(`${folder}/`))
      return ours.test(path.slice(folder.length + 1)) ? undefined : `a strange path in the data folder: ${path}`
  }
  return path.includes(sep) ? undefined : `new in the data folder: ${path}`
}

const lastOf = (path: string): string => path.split(sep).at(-1) ?? ''

function pathsUnder(dir: string, skip: (path: string) => boolean, above = ''): string[] {
  return entriesOf(join(dir, above)).flatMap((entry) => {
    const path = join(above, entry.name)
    if (skip(path)) return []
    return entry.isDirectory() ? [path, ...pathsUnder(dir, skip, path)] : [path]
  })
}

/** A folder that goes while it is looked at is empty. */
function entriesOf(dir: string): Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
  } catch {
    return []
  }
}
