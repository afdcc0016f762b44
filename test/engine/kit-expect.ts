import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from 'bun:test'

/**
 * LangGraph's conformance kit is written for vitest's globals. Two of them differ in Bun: `expect(fn).rejects` calls the
 * function in vitest and does not in Bun, and `expect.soft` is not there. With both the whole kit runs under `bun test`.
 */
export function installKitGlobals(): () => void {
  const names = { afterAll, afterEach, beforeAll, beforeEach, describe, it, test, expect: kitExpect }
  const before = Object.keys(names).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const)
  Object.assign(globalThis, names)
  return () => {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor)
      else Reflect.deleteProperty(globalThis, name)
    }
  }
}

type Called = () => unknown

const kitExpect: typeof expect = new Proxy(expect, {
  apply: (_target, _self, [value]: [unknown]) => (typeof value === 'function' ? expectCall(value as Called) : expect(value)),
  get: (target, name) => (name === 'soft' ? kitExpect : Reflect.get(target, name)),
})

function expectCall(call: Called): unknown {
  return new Proxy(expect(call), {
    get(matchers, name) {
      if (name === 'rejects') return expect((async () => call())()).rejects
      const found: unknown = Reflect.get(matchers, name)
      return typeof found === 'function' ? found.bind(matchers) : found
    },
  })
}
