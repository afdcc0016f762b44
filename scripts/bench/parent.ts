/** Ends this child when it is asked to, and when the bench is gone: our standard input is a pipe that the bench holds. */
export function endWithParent(close: () => unknown): void {
  let ending = false
  const end = async (): Promise<void> => {
    if (ending) return
    ending = true
    await close()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end())
  process.stdin.on('end', () => void end())
  process.stdin.on('error', () => void end())
  process.stdin.resume()
}
