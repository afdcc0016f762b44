import { ConfigError } from '../config.ts'
import { Fault } from '../core/fault.ts'

export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, newerData: 4, locked: 5 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

interface CliErrorParts {
  what: string
  why: string
  next: string
  exitCode: ExitCode
}

/** An end of a command that a person can act on. */
export class CliError extends Error implements CliErrorParts {
  override readonly name = 'CliError'
  readonly what: string
  readonly why: string
  readonly next: string
  readonly exitCode: ExitCode

  constructor({ what, why, next, exitCode, cause }: CliErrorParts & { cause?: unknown }) {
    super(what, cause === undefined ? undefined : { cause })
    this.what = what
    this.why = why
    this.next = next
    this.exitCode = exitCode
  }
}

export function renderError(error: CliError, json: boolean): string {
  const { what, why, next, exitCode } = error
  if (json) return `${JSON.stringify({ error: { what, why, next, exit_code: exitCode } })}\n`
  return `${what}\n${why}\n${next}\n`
}

/** Every error as what happened, why, and what to do next. */
export async function toCliError(error: unknown): Promise<CliError> {
  if (error instanceof CliError) return error
  if (error instanceof ConfigError) return configMistakes(error)
  if (error instanceof Fault && error.facts.kind === 'graph') return graphMistakes(error)
  return (await aboutData(error)) ?? aboutSystem(error) ?? unexpected(error)
}

function configMistakes({ mistakes }: ConfigError): CliError {
  return new CliError({
    what: mistakes.length === 1 ? 'The configuration has a mistake.' : `The configuration has ${mistakes.length} mistakes.`,
    why: mistakes.map((mistake) => (mistakes.length === 1 ? mistake : `- ${mistake}`)).join('\n'),
    next: "Correct it and start again; 'tetraport config show --help' lists every setting.",
    exitCode: EXIT.usage,
  })
}

function graphMistakes({ message }: Fault): CliError {
  return new CliError({
    what: 'The graphs cannot be served.',
    why: message,
    next: 'Correct the file and start again; without --graphs the built-in graph is served.',
    exitCode: EXIT.usage,
  })
}

/** Loaded only when something failed: most commands need neither file. Class names do not survive minification. */
async function aboutData(error: unknown): Promise<CliError | undefined> {
  const [{ DataFolderInUse }, { DataFromNewerVersion }] = await Promise.all([
    import('../drivers/records/lock.ts'),
    import('../drivers/records/migrate.ts'),
  ])
  if (error instanceof DataFolderInUse) {
    return new CliError({
      what: `The data folder ${error.dir} is in use.`,
      why: error.holderPid === null ? 'Another process serves it.' : `Process ${error.holderPid} serves it.`,
      next: 'Stop that process, or choose another folder with --data.',
      exitCode: EXIT.locked,
      cause: error,
    })
  }
  if (error instanceof DataFromNewerVersion) {
    return new CliError({
      what: 'This data was written by a newer version of tetraport.',
      why: 'This version does not know its tables, and left them untouched.',
      next: 'Start the newer version, or restore a backup from before the upgrade.',
      exitCode: EXIT.newerData,
      cause: error,
    })
  }
  return undefined
}

/** Nobody else serves an embedded database: that it does not answer is this program's failure, not an unreachable server. */
export async function embeddedFailure(error: unknown): Promise<CliError> {
  const failure = await toCliError(error)
  if (failure.exitCode !== EXIT.unreachable) return failure
  const { why, next } = failure
  return new CliError({ what: 'The embedded database cannot be used.', why, next, exitCode: EXIT.failed, cause: error })
}

function aboutSystem(error: unknown): CliError | undefined {
  if (error instanceof Fault && error.code === 'unavailable') {
    return new CliError({
      what: 'The database cannot be used.',
      why: error.message,
      next: "Run 'tetraport doctor' to see what is wrong.",
      exitCode: EXIT.unreachable,
      cause: error,
    })
  }
  return undefined
}

function unexpected(error: unknown): CliError {
  return new CliError({
    what: 'Something unexpected went wrong.',
    why: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    next: "Run the command with --log-level debug, or 'tetraport doctor', and report it if it stays.",
    exitCode: EXIT.failed,
    cause: error,
  })
}
