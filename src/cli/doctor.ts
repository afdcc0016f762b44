import { ConfigError } from '../config.ts'
import { CliError, EXIT } from './cli-error.ts'
import type { Finding } from './doctor-checks.ts'
import { CHECKS } from './doctor-checks.ts'
import { graphs } from './doctor-graphs.ts'
import { fileStore, mailServer, vectorServer } from './doctor-stores.ts'
import type { Flags } from './load-config.ts'
import { loadConfig } from './load-config.ts'
import type { Terminal } from './terminal.ts'
import { VERSION } from './version.ts'

/** Looks for what would keep the server from starting or from answering. */
export async function runDoctor({ json, flags }: { json: boolean; flags: Flags }, terminal: Terminal): Promise<void> {
  const findings: Finding[] = []
  const tell = (finding: Finding) => {
    findings.push(finding)
    if (!json) terminal.out(line(finding))
  }
  tell({ check: 'version', state: 'ok', found: `tetraport ${VERSION}, Bun ${Bun.version}, ${process.platform} ${process.arch}` })
  for await (const finding of examine(flags, terminal)) tell(finding)
  if (json) terminal.out(`${JSON.stringify(findings, null, 2)}\n`)
  const failed = findings.filter((finding) => finding.state === 'fail')
  if (failed.length === 0) return
  throw new CliError({
    what: failed.length === 1 ? 'One check failed.' : `${failed.length} checks failed.`,
    why: failed.map((finding) => finding.check).join(', '),
    next: 'Follow the hints above, then run tetraport doctor again.',
    exitCode: failed.some((finding) => finding.check === 'config') ? EXIT.usage : EXIT.failed,
  })
}

async function* examine(flags: Flags, terminal: Terminal): AsyncGenerator<Finding> {
  try {
    const { config, origins } = loadConfig(flags, terminal)
    const stated = Object.values(origins).filter((origin) => origin !== 'default').length
    yield { check: 'config', state: 'ok', found: `${stated} settings stated, the rest at their defaults` }
    for (const check of [...CHECKS, fileStore, vectorServer, mailServer, graphs]) yield* check(config)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const hint = "'tetraport config show --help' lists every setting"
    for (const mistake of error.mistakes) yield { check: 'config', state: 'fail', found: mistake, hint }
  }
}

function line({ check, state, found, hint }: Finding): string {
  const first = `${state.padEnd(4)}  ${check.padEnd(9)} ${found}\n`
  return hint === undefined ? first : `${first}${' '.repeat(16)}${hint}\n`
}
