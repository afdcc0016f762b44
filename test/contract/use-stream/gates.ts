/**
 * Where a graph of the tests stops until a test lets it go on, by name. Kept outside of any module: the server loads graphs
 * as modules of their own.
 */
const KEY = Symbol.for('tetraport.tests.gates')

type Gates = Map<string, PromiseWithResolvers<void>>

const gates = (): Gates => {
  const place = globalThis as { [KEY]?: Gates }
  place[KEY] ??= new Map()
  return place[KEY]
}

function gate(name: string): PromiseWithResolvers<void> {
  const there = gates().get(name) ?? Promise.withResolvers<void>()
  gates().set(name, there)
  return there
}

export const openGate = (name: string): void => gate(name).resolve()

/** Resolves when the gate is open; rejects when the signal fires before. */
export function passGate(name: string, signal: AbortSignal | undefined): Promise<void> {
  const { promise } = gate(name)
  if (!signal) return promise
  const { promise: stopped, reject } = Promise.withResolvers<void>()
  const stop = () => reject(signal.reason)
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  return Promise.race([promise, stopped]).finally(() => signal.removeEventListener('abort', stop))
}
