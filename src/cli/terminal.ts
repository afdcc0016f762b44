/** What the command line needs of the process it runs in; tests pass their own. */
export interface Terminal {
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  root: boolean
  /** Whether a person reads what `out` writes. */
  interactive: boolean
  out(text: string): void
  err(text: string): void
  /** One line that is shown nowhere: asked for where a person sits, else the first line of the standard input. */
  readSecret(prompt: string): Promise<string>
  /** Calls back for every request to stop. Returns the unsubscriber. */
  onStop(listener: () => void): () => void
  /** Ends the process at once. */
  exit(code: number): void
}
