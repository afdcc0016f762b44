import { AsyncLocalStorageProviderSingleton as provider } from '@langchain/core/singletons'

/** Where LangChain looks for the config of the running node. */
const CONFIG_KEY = Symbol.for('lc:child_config')
/** Where it keeps context variables of an outer run, which an inner one must see. */
const VARIABLES_KEY = Symbol.for('lc:context_variables')

type Carrier = { extra: Record<symbol, unknown>; tracingEnabled: false; [VARIABLES_KEY]?: unknown }

let installed = false

/**
 * Without callbacks nobody reads the tracing tree that LangChain builds at every call of every node: a plain object
 * carries the config as well, at a sixth of the engine's time. With callbacks everything stays as it was.
 */
export function installLeanContext(): void {
  if (installed) return
  installed = true
  const original = provider.runWithConfig.bind(provider)
  provider.runWithConfig = ((config: { callbacks?: unknown } | undefined, callback: () => unknown, bare?: boolean) => {
    if (bare || config?.callbacks !== undefined) return original(config, callback as () => void, bare)
    const storage = provider.getInstance()
    const outer = storage.getStore() as Carrier | undefined
    const carrier: Carrier = { extra: { [CONFIG_KEY]: config }, tracingEnabled: false }
    if (outer?.[VARIABLES_KEY] !== undefined) carrier[VARIABLES_KEY] = outer[VARIABLES_KEY]
    return storage.run(carrier as never, callback as () => void)
  }) as typeof provider.runWithConfig
}
