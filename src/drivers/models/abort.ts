/** What a caller gets when its own signal fired, whatever reason the signal carries. */
export const abortError = (): DOMException => new DOMException('The operation was aborted.', 'AbortError')

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortError()
}

/** A wait that ends early, with an AbortError, when `signal` fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  throwIfAborted(signal)
  if (ms <= 0) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const end = () => resolve()
  const timer = setTimeout(end, ms)
  signal.addEventListener('abort', end)
  await promise
  clearTimeout(timer)
  signal.removeEventListener('abort', end)
  throwIfAborted(signal)
}

/** For work that others wait for too: the caller stops waiting, the work goes on. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  throwIfAborted(signal)
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(abortError())
  signal.addEventListener('abort', stop)
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
