import type { App } from '../../app.ts'
import type { Config } from '../../config.ts'
import { Fault } from '../../core/fault.ts'
import { Refusal, refuseField } from './refusal.ts'

/**
 * The name under which the models port has what a client calls `name`: as mapped, else as it is where the port knows it. A
 * provider that takes every name does not get those with a prefix of this dialect: they are other providers' names.
 */
export function modelOf({ config, models }: Pick<App, 'config' | 'models'>, name: string): string {
  const { models: map, modelPrefixes } = config.entities
  if (Object.hasOwn(map, name)) return map[name] as string
  const lower = name.toLowerCase()
  const isPrefixed = modelPrefixes.some((prefix) => lower.startsWith(prefix.toLowerCase()))
  if (isPrefixed ? isNamed(config.models, name) : isServed(models, name)) return name
  if (!isPrefixed) throw new Refusal(400, `Invalid or unknown model identifier prefix: '${name}'`)
  const known = Object.keys(map)
  const names = known.length > 0 ? known.join(', ') : 'the names in entities.models, and there are none yet'
  throw refuseField(['model'], `Invalid model '${name}'. Must be one of: ${names}`, { input: name })
}

/** Whether the configuration says this very name, or its provider. */
const isNamed = ({ aliases, providers, scripts }: Config['models'], name: string): boolean =>
  Object.hasOwn(aliases, name) ||
  Object.hasOwn(scripts, name) ||
  providers.some((provider) => provider.models.includes(name) || name.startsWith(`${provider.name}/`))

function isServed(models: App['models'], name: string): boolean {
  try {
    models.require(name)
    return true
  } catch (error) {
    if (error instanceof Fault && error.code === 'model_not_found') return false
    throw error
  }
}
