const EVERY_MS = 10

/** Asks until the answer is there; for conditions that nothing announces. Fails after `timeoutMs`. */
export async function eventually<T>(ask: () => T | undefined | Promise<T | undefined>, timeoutMs = 10_000): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > giveUpAt) throw new Error(`Not within ${timeoutMs} ms`)
    await Bun.sleep(EVERY_MS)
  }
}
