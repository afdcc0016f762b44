import type { Caller } from '../caller.ts'
import type { Parts } from '../needs.ts'
import { type IdempotentRequest, type Keep, onceCalled, once as onceCommitted, onceKept } from './idempotency.ts'

/** Does a request's effect once, however often the request is sent with the same idempotency key. */
export type Once = <T>(effect: (app: Parts) => Promise<T>) => Promise<T>

/** The same for effects that wait first, and then keep their result in the transaction they end with. */
export type OnceKept = <T>(effect: (app: Parts, keep: Keep<T>) => Promise<T>) => Promise<T>

/** `once` keeps effect and answer in one transaction; `onceCalled` and `onceKept` are for effects that wait. */
export interface Effects {
  once: Once
  onceCalled: Once
  onceKept: OnceKept
}

const keepNothing = (): Promise<void> => Promise.resolve()

/** Without a key every request is another one. `known` is asked when the effect begins: only then the body has been read. */
export function effectsOf(app: Parts, caller: Caller, known: (() => IdempotentRequest) | undefined): Effects {
  if (!known) return { once: (effect) => effect(app), onceCalled: (effect) => effect(app), onceKept: (effect) => effect(app, keepNothing) }
  return {
    once: (effect) => onceCommitted(app, caller, known(), effect),
    onceCalled: (effect) => onceCalled(app, caller, known(), effect),
    onceKept: (effect) => onceKept(app, caller, known(), effect),
  }
}
