// Runs Bun with the given arguments, from a clean clone with nothing but Node 20 and npm: finds or installs the pinned
// Bun, installs the packages of bun.lock when they are missing or out of date, then hands over.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const MODULES = join(ROOT, 'node_modules')
const STAMP = join(MODULES, '.tetraport-installed')
const OWN = join(ROOT, '.bun')
const WINDOWS = process.platform === 'win32'

const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const PINNED = devDependencies.bun

const say = (text) => process.stderr.write(`tetraport: ${text}\n`)

function fail(text) {
  say(text)
  process.exit(1)
}

function isAtLeast(version, wanted) {
  const [a, b] = [version, wanted].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)))
  for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return a[i] > b[i]
  return true
}

function works(bun) {
  const { status, stdout } = spawnSync(bun, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return status === 0 && isAtLeast(stdout.trim(), PINNED)
}

/** npm runs no install scripts, so the package `bun` stays empty; this is the one that holds the program. */
function platformPackage() {
  const system = { linux: 'linux', darwin: 'darwin', win32: 'windows', freebsd: 'freebsd' }[process.platform]
  const cpu = { x64: 'x64', arm64: 'aarch64' }[process.arch]
  if (!system || !cpu) fail(`there is no Bun for ${process.platform}-${process.arch}. Build the executable elsewhere, see README.md.`)
  const musl = system === 'linux' && !process.report.getReport().header.glibcVersionRuntime
  return `@oven/bun-${system}-${cpu}${musl ? '-musl' : ''}`
}

function findBun() {
  if (process.versions.bun && isAtLeast(process.versions.bun, PINNED)) return process.execPath
  const file = WINDOWS ? 'bun.exe' : 'bun'
  const candidates = [
    file,
    join(MODULES, '.bin', file),
    join(MODULES, 'bun/bin/bun.exe'),
    join(MODULES, platformPackage(), 'bin', file),
    join(OWN, 'node_modules', platformPackage(), 'bin', file),
  ]
  return candidates.find(works)
}

function installBun() {
  const name = `${platformPackage()}@${PINNED}`
  say(`installing Bun ${PINNED} into .bun (once)`)
  const flags = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
  const args = ['install', '--prefix', OWN, ...flags, name]
  const npm = process.env.npm_execpath
  const viaNode = npm?.endsWith('npm-cli.js')
  const options = { cwd: ROOT, stdio: ['ignore', 2, 2], shell: WINDOWS && !viaNode }
  const { status } = viaNode ? spawnSync(process.execPath, [npm, ...args], options) : spawnSync('npm', args, options)
  if (status !== 0) fail(`npm could not install ${name}. Install Bun ${PINNED} yourself (https://bun.sh) and try again.`)
  const bun = findBun()
  if (!bun) fail(`the installed ${name} does not run here. Install Bun ${PINNED} yourself (https://bun.sh) and try again.`)
  return bun
}

function wantedPackages() {
  const hash = createHash('sha256')
  for (const name of ['package.json', 'bun.lock']) hash.update(readFileSync(join(ROOT, name)))
  return hash.digest('hex')
}

function packagesAreCurrent(wanted) {
  if (!existsSync(MODULES)) return false
  if (existsSync(STAMP)) return readFileSync(STAMP, 'utf8') === wanted
  return existsSync(join(MODULES, '.bin')) && statSync(MODULES).mtimeMs >= statSync(join(ROOT, 'bun.lock')).mtimeMs
}

function installPackages(bun) {
  const wanted = wantedPackages()
  if (packagesAreCurrent(wanted)) return
  say('installing the packages of bun.lock')
  const { status } = spawnSync(bun, ['install', '--frozen-lockfile', '--silent'], { cwd: ROOT, stdio: ['ignore', 2, 2] })
  if (status !== 0) fail('bun install failed; see above.')
  writeFileSync(STAMP, wanted)
}

function handOver(bun, args) {
  const child = spawn(bun, args, { cwd: ROOT, stdio: 'inherit' })
  // A terminal sends Ctrl-C to the whole group: the child has it already, and a second one would cut its shutdown short.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('SIGHUP', () => child.kill('SIGHUP'))
  child.on('error', (error) => fail(`cannot run ${bun}: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code))
}

const bun = findBun() ?? installBun()
installPackages(bun)
handOver(bun, process.argv.slice(2))
