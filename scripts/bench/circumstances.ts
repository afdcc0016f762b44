import { cpus, loadavg, release, totalmem } from 'node:os'
import { dependencies } from '../../package.json'
import { ROOT, type Tested } from './children.ts'

/** What a number cannot be read without. Nothing here names the machine or a folder of it. */
export interface Circumstances {
  date: string
  git: { commit: string | null; changed: boolean | null }
  tested: { kind: Tested['kind']; version: unknown }
  machine: { cores: number; cpu: string; memoryGb: number; kernel: string; platform: string }
  versions: { bun: string; postgresJs: string; postgres: string | null }
  loadBefore: number[]
}

async function output(command: string[]): Promise<string | null> {
  try {
    const started = Bun.spawn(command, { cwd: ROOT, stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
    const text = await new Response(started.stdout).text()
    return (await started.exited) === 0 ? text.trim() : null
  } catch {
    return null
  }
}

export async function readCircumstances(tested: Tested): Promise<Circumstances> {
  const changes = await output(['git', 'status', '--porcelain', '--untracked-files=no'])
  const version = await output([...tested.command, 'version', '--json'])
  return {
    date: new Date().toISOString(),
    git: { commit: await output(['git', 'rev-parse', 'HEAD']), changed: changes === null ? null : changes !== '' },
    tested: { kind: tested.kind, version: version === null ? null : JSON.parse(version) },
    machine: {
      cores: cpus().length,
      cpu: cpus()[0]?.model ?? 'unknown',
      memoryGb: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      platform: `${process.platform} ${process.arch}`,
    },
    versions: { bun: Bun.version, postgresJs: dependencies.postgres, postgres: null },
    loadBefore: loadavg(),
  }
}

/** 180004 is 18.4. */
export async function postgresVersion(floorUrl: string): Promise<string> {
  const { postgres } = (await (await fetch(`${floorUrl}/health/ready`)).json()) as { postgres: number }
  return `${Math.floor(postgres / 10_000)}.${postgres % 10_000}`
}
