import { describe, expect, it } from 'bun:test'
import { plugin } from 'bun'

type Kit = typeof import('@langchain/langgraph-checkpoint-validation')

/**
 * LangGraph's conformance kit, which is written for vitest, made to run whole under `bun test`. Of vitest's globals two
 * differ: `expect(fn).rejects` calls the function in vitest and refuses it in Bun, and Bun has no `expect.soft`. Bun
 * binds `expect` in every file it loads, so the kit's files get another one as they are loaded.
 */
export async function loadKit(): Promise<Kit> {
  Reflect.set(globalThis, GLOBAL, { expect: kitExpect, it: kitIt })
  plugin({
    name: 'conformance kit',
    setup(build) {
      build.onLoad({ filter: /[\\/]langgraph-checkpoint-validation[\\/]dist[\\/].*\.js$/ }, async ({ path }) => ({
        contents: `const { expect, it } = globalThis.${GLOBAL};\n${await Bun.file(path).text()}`,
        loader: 'js',
      }))
    },
  })
  return import('@langchain/langgraph-checkpoint-validation')
}

type Called = () => unknown

const GLOBAL = 'conformanceKitGlobals'

let exceptions: Readonly<Record<string, string>> = {}

/** Registers the tests of `register`; those named in `reasons` must fail, each for its reason. Bun collects one group after the other. */
export function withExceptions(reasons: Readonly<Record<string, string>>, register: () => void): void {
  describe('exceptions begin', () => {
    exceptions = reasons
  })
  register()
  describe('exceptions end', () => {
    exceptions = {}
  })
}

const kitIt: object = new Proxy<Called>(it as unknown as Called, {
  apply(target, self, args: [string, () => void]) {
    const [title, work] = args
    const reason = exceptions[title]
    if (reason === undefined) return Reflect.apply(target, self, args) as unknown
    return it.failing(`${title} [must fail: ${reason}]`, work)
  },
  get: bound,
})

const kitExpect: typeof expect = new Proxy(expect, {
  apply: (_target, _self, [value]: [unknown]) => (typeof value === 'function' ? expectCall(value as Called) : expect(value)),
  get: (target, name) => (name === 'soft' ? kitExpect : Reflect.get(target, name)),
})

function expectCall(call: Called): unknown {
  return new Proxy(expect(call), {
    get: (matchers, name) => (name === 'rejects' ? expect((async () => call())()).rejects : bound(matchers, name)),
  })
}

/** Bun's own objects insist on being `this`. */
function bound(target: object, name: string | symbol): unknown {
  const found: unknown = Reflect.get(target, name)
  return typeof found === 'function' ? found.bind(target) : found
}
