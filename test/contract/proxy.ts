import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CONTRACT, hasShared, SHARED } from './shared.ts'

interface Issue {
  kind: string
  status: number
  event?: string
  pointer: string
  message: string
  value?: string
}

export interface EndpointReport {
  method: string
  path: string
  calls: number
  statuses: Record<string, number>
  violations: Issue[]
  warnings: Issue[]
}

export interface ProxyReport {
  totals: { operations: number; exercised: number; calls: number; violations: number; warnings: number }
  operations: EndpointReport[]
  other: EndpointReport[]
}

/** What is used of ../shared/tools/proxy.ts. */
interface ProxyTool {
  startProxy(options: { contract: string; target: string; prefix: string; known: string[]; allowStatus: number[] }): CheckedTraffic
}

/** A contract as traffic is held against it. */
export interface Terms {
  contract: string
  /** What stands before the contract's paths in what clients send. */
  prefix?: string
  /** Accepted deviations from it, each with its reason. */
  known: readonly (readonly [place: string, reason: string])[]
  /** Operations whose declared content type nobody ever sent, each with its reason. */
  otherTypes: readonly (readonly [operation: string, reason: string])[]
  /** Statuses below 500 that any operation may answer although it names none of them. */
  allowStatus: readonly number[]
}

const KNOWN: Terms['known'] = [
  ['GET /v1/* /first_id', 'an empty page has no first id; behaviour.md, 4'],
  ['GET /v1/* /last_id', 'an empty page has no last id; behaviour.md, 4'],
  [
    'GET /v1/chat/completions/*/messages /data/*/role',
    'the schema is borrowed from answers; what is listed is what was asked, in the roles it was asked in',
  ],
  ['POST /v1/embeddings /data/*/embedding', 'base64, which SDKs ask for, is a text; behaviour.md, 15'],
]

const INSTALL_TIMEOUT_MS = 20_000

/** The tool in a folder of its own with what it imports, or undefined with the reason printed. */
async function prepare(): Promise<ProxyTool | undefined> {
  if (!hasShared('tools/proxy.ts', 'the check of all traffic against the contract')) return undefined
  const dir = mkdtempSync(join(tmpdir(), 'contract-tools-'))
  for (const name of ['package.json', 'bun.lock', 'proxy.ts', 'src']) {
    cpSync(join(SHARED, 'tools', name), join(dir, name), { recursive: true })
  }
  const command = [process.execPath, 'install', '--frozen-lockfile', '--production', '--ignore-scripts']
  try {
    const install = Bun.spawnSync(command, { cwd: dir, stdout: 'ignore', stderr: 'pipe', timeout: INSTALL_TIMEOUT_MS })
    if (install.success) return (await import(join(dir, 'proxy.ts'))) as ProxyTool
    console.log(`skipped: the contract proxy needs ajv, which could not be installed: ${install.stderr.toString().trim()}`)
    return undefined
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const prepared = await prepare()

export const hasProxy = prepared !== undefined

export interface CheckedTraffic {
  url: string
  /** What it saw until now. */
  report(): ProxyReport
  stop(): Promise<ProxyReport>
}

const OPENAI: Terms = { contract: CONTRACT, known: KNOWN, otherTypes: [], allowStatus: [] }

/** Everything that goes through `url` is held against the contract. */
export function checkTraffic(target: string, { contract, prefix = '', known, allowStatus }: Terms = OPENAI): CheckedTraffic {
  if (!prepared) throw new Error('there is no proxy here')
  return prepared.startProxy({ contract, target, prefix, known: known.map(([place]) => place), allowStatus: [...allowStatus] })
}

/** One line for each violation. */
export const violationsOf = ({ operations, other }: ProxyReport, { otherTypes }: Terms = OPENAI): string[] =>
  [...operations, ...other].flatMap(({ method, path, violations }) =>
    violations
      .filter(({ kind }) => kind !== 'content-type' || !otherTypes.some(([operation]) => operation === `${method} ${path}`))
      .map((v) => `${method} ${path} ${v.kind} ${v.status} ${v.event ?? ''} ${v.pointer}: ${v.message} ${v.value ?? ''}`),
  )
