import { CliError, EXIT } from './cli-error.ts'
import type { Flags } from './load-config.ts'
import { loadConfig } from './load-config.ts'
import type { Terminal } from './terminal.ts'

const PATIENCE_MS = 5000

export interface HealthOptions {
  json: boolean
  /** Base URL of the server; absent: the configured address. */
  url: string | undefined
  flags: Flags
}

/** Asks a running server whether it is ready. */
export async function checkHealth({ json, url, flags }: HealthOptions, terminal: Terminal): Promise<void> {
  const base = (url ?? localUrl(loadConfig(flags, terminal).config.listen)).replace(/\/+$/, '')
  const { ready, checks } = await ask(base)
  if (json) terminal.out(`${JSON.stringify({ ready, url: base, checks })}\n`)
  else if (ready) terminal.out(`ready: ${base}\n`)
  if (ready) return
  const failing = Object.entries(checks).filter(([, result]) => result !== 'ok')
  throw new CliError({
    what: `${base} is not ready.`,
    why: failing.map(([name, result]) => `${name}: ${result}`).join('; ') || 'It did not say why.',
    next: "Look at the server's log, or run 'tetraport doctor' where it runs.",
    exitCode: EXIT.failed,
  })
}

/** Where a server that listens on `host` can be asked from this machine. */
export function localUrl({ host, port }: { host: string; port: number }): string {
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${near.includes(':') ? `[${near}]` : near}:${port}`
}

interface Answer {
  ready: boolean
  checks: Record<string, string>
}

async function ask(base: string): Promise<Answer> {
  let response: Response
  try {
    response = await fetch(`${base}/health/ready`, { signal: AbortSignal.timeout(PATIENCE_MS) })
  } catch (cause) {
    throw new CliError({
      what: `No server answers at ${base}.`,
      why: cause instanceof Error ? cause.message : String(cause),
      next: "Start it with 'tetraport serve', or name its address with --url.",
      exitCode: EXIT.unreachable,
      cause,
    })
  }
  return { ready: response.ok, checks: await readChecks(response) }
}

async function readChecks(response: Response): Promise<Record<string, string>> {
  try {
    const body = (await response.json()) as { checks?: unknown }
    if (typeof body.checks === 'object' && body.checks !== null) return body.checks as Record<string, string>
  } catch {
    // Something else than tetraport answers there: its status is all there is to say.
  }
  return { server: `answered ${response.status}` }
}
