import { runCli } from '../../src/cli/cli.ts'
import type { Terminal } from '../../src/cli/terminal.ts'

/** A command line without a process around it. */
export class FakeTerminal implements Terminal {
  readonly root = false
  readonly exits: number[] = []
  /** What is typed when a secret is asked for. */
  typed = ''
  stdout = ''
  stderr = ''
  private readonly stops = new Set<() => void>()
  private readonly readers: { pattern: RegExp; found: (match: RegExpExecArray) => void }[] = []

  constructor(
    readonly cwd: string,
    readonly env: Record<string, string> = {},
    readonly interactive = false,
  ) {}

  out(text: string): void {
    this.stdout += text
    for (const { pattern, found } of this.readers) {
      const match = pattern.exec(this.stdout)
      if (match) found(match)
    }
  }

  err(text: string): void {
    this.stderr += text
  }

  readSecret(): Promise<string> {
    return Promise.resolve(this.typed)
  }

  onStop(listener: () => void): () => void {
    this.stops.add(listener)
    return () => this.stops.delete(listener)
  }

  exit(code: number): void {
    this.exits.push(code)
  }

  /** What SIGTERM does. */
  stop(): void {
    for (const listener of this.stops) listener()
  }

  /** Resolves when the output matches. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((found) => {
      this.readers.push({ pattern, found })
      this.out('')
    })
  }

  run(...args: string[]): Promise<number> {
    return runCli(args, this)
  }
}
