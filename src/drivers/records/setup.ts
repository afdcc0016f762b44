import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Account, claimTree, namedAccount, ownerOf } from './account.ts'
import { type PackedServer, packedServer } from './archive.ts'
import { DATABASE, type Layout, USER } from './layout.ts'
import { syncFileSystem } from './libc.ts'
import { cannotRun, currentPlatform, findNativePackage } from './platform.ts'
import { copyServer, linkLibraries } from './prune.ts'

const MAJOR = '18'
const TEMPORARY = '.setup-'

/** Where programs and an empty cluster come from. */
interface Source {
  version: string
  /** Writes the programs to `server` and, when asked, a cluster to `cluster`, both inside `folder`. */
  provide(folder: string, cluster: boolean): Promise<void>
}

function source(): Source {
  const platform = currentPlatform()
  if (packedServer !== null) {
    const packed: PackedServer = packedServer
    return { version: packed.version, provide: (folder) => unpack(packed.path, folder) }
  }
  const native = findNativePackage(platform, import.meta.dir)
  return {
    version: native.version,
    async provide(folder, cluster) {
      copyServer(native.dir, join(folder, 'server'))
      completeServer(join(folder, 'server'))
      if (cluster) await makeCluster(join(folder, 'server'), join(folder, 'cluster'), namedAccount())
    },
  }
}

async function unpack(path: string, folder: string): Promise<void> {
  const tar = await Bun.zstdDecompress(await Bun.file(path).bytes())
  await new Bun.Archive(tar).extract(folder)
  // tar as Bun reads it leaves empty folders out.
  const folders = JSON.parse(readFileSync(join(folder, 'cluster-folders.json'), 'utf8')) as string[]
  for (const name of folders) mkdirSync(join(folder, 'cluster', name), { recursive: true })
  completeServer(join(folder, 'server'))
}

/** Modes that every account can use, and the links that neither npm nor our tar carries. */
export function completeServer(server: string): void {
  claimTree(server, { folder: 0o755, file: 0o644, account: undefined })
  linkLibraries(server)
  for (const program of readdirSync(join(server, 'bin'))) chmodSync(join(server, 'bin', program), 0o755)
}

/** initdb, with our database in place of the one called `postgres`. */
export async function makeCluster(server: string, cluster: string, account: Account | undefined): Promise<void> {
  mkdirSync(cluster, { mode: 0o700 })
  if (account) chownSync(cluster, account.uid, account.gid)
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  const trust = ['--auth-local=trust', '--auth-host=reject', `--username=${USER}`]
  await runTool([join(server, 'bin/initdb'), '-D', cluster, ...locale, ...trust, '--no-sync', '--no-instructions'], account)
  const rename = `alter database postgres rename to ${DATABASE}\n`
  await runTool([join(server, 'bin/postgres'), '--single', '-D', cluster, 'template1'], account, rename)
}

async function runTool(command: string[], account: Account | undefined, input = ''): Promise<void> {
  const child = Bun.spawn(command, {
    cwd: '/',
    env: { LANG: 'C', LC_ALL: 'C', TZ: 'UTC' },
    stdin: new Blob([input]),
    stdout: 'ignore',
    stderr: 'pipe',
    ...(account && { uid: account.uid, gid: account.gid }),
  })
  const [code, output] = await Promise.all([child.exited, child.stderr.text()])
  if (code !== 0) throw cannotRun(`creating it failed: ${output.trim().slice(-1_000) || `code ${code}`}.`)
}

/** Makes sure that programs and cluster are complete in the data folder; answers the folder of the programs. */
export async function setUp(layout: Layout, account: Account | undefined): Promise<string> {
  removeUnfinished(layout)
  const from = source()
  const server = layout.binaries(from.version)
  const newCluster = !existsSync(join(layout.cluster, 'PG_VERSION'))
  if (!newCluster) refuseOtherMajor(layout)
  if (newCluster || !existsSync(server)) {
    const folder = join(layout.dir, `${TEMPORARY}${process.pid}`)
    // Entered by the account of initdb, and readable to nobody.
    mkdirSync(folder)
    chmodSync(folder, 0o711)
    await from.provide(folder, newCluster)
    place(folder, { layout, server, newCluster, account })
  }
  if (account && !newCluster) claimIfForeign(layout.cluster, account)
  removeOtherVersions(layout, server)
  return server
}

interface Placement {
  layout: Layout
  server: string
  newCluster: boolean
  account: Account | undefined
}

/** A crash before the renames leaves only the temporary folder, and one sync makes the files durable before they get their names. */
function place(folder: string, { layout, server, newCluster, account }: Placement): void {
  if (newCluster) claimTree(join(folder, 'cluster'), { folder: 0o700, file: 0o600, account })
  syncFileSystem(folder)
  if (!existsSync(server)) renameSync(join(folder, 'server'), server)
  if (newCluster) renameSync(join(folder, 'cluster'), layout.cluster)
  rmSync(folder, { recursive: true })
}

function removeUnfinished({ dir }: Layout): void {
  for (const name of readdirSync(dir)) if (name.startsWith(TEMPORARY)) rmSync(join(dir, name), { recursive: true, force: true })
}

function removeOtherVersions(layout: Layout, server: string): void {
  for (const name of readdirSync(layout.dir)) {
    const path = join(layout.dir, name)
    if (name.startsWith('pgbin-') && path !== server) rmSync(path, { recursive: true, force: true })
  }
}

function refuseOtherMajor({ cluster }: Layout): void {
  const found = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim()
  if (found !== MAJOR) throw cannotRun(`${cluster} was written by PostgreSQL ${found}, and this program has ${MAJOR}.`)
}

/** A cluster that root owns was copied there by hand. */
function claimIfForeign(cluster: string, account: Account): void {
  if (ownerOf(cluster)?.uid === 0) claimTree(cluster, { folder: 0o700, file: 0o600, account })
}
