import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Elysia } from 'elysia'
import { readConfig } from '../../src/config.ts'
import { ROOT } from './source-tree.ts'

export const SURFACES = ['openai', 'langgraph', 'entities', 'platform'] as const

/** Routes of our surfaces that are registered twice. */
export const duplicateRoutes = (): Promise<string[]> =>
  watchRoutes(async () => {
    for (const surface of SURFACES) await mount(surface)
  })

/** Routes that `build` registers twice on one plugin. Elysia keeps only the later one, so registrations are watched, not the result. */
export async function watchRoutes(build: () => unknown): Promise<string[]> {
  const duplicates = new Set<string>()
  const seen = new WeakMap<object, Set<string>>()
  const add: unknown = Reflect.get(Elysia.prototype, 'add')
  if (typeof add !== 'function') throw new Error('Elysia no longer registers routes by `add`: watch them another way')
  Reflect.set(Elysia.prototype, 'add', function (this: object, ...args: unknown[]): unknown {
    const known = seen.get(this) ?? new Set<string>()
    // Two names for one parameter are one route.
    const route = `${String(args[0])} ${String(args[1]).replace(/:\w+/g, ':')}`
    if (known.has(route)) duplicates.add(`${String(args[0])} ${String(args[1])}`)
    seen.set(this, known.add(route))
    return Reflect.apply(add, this, args)
  })
  try {
    await build()
  } finally {
    Reflect.set(Elysia.prototype, 'add', add)
  }
  return [...duplicates]
}

/** Building a plugin registers its routes; nothing is opened or called. */
async function mount(surface: string): Promise<void> {
  const path = join(ROOT, 'src/surfaces', surface, `${surface}.ts`)
  if (!existsSync(path)) return
  const module: Record<string, unknown> = await import(path)
  const plugin = module[surface]
  if (typeof plugin !== 'function') throw new Error(`${path} does not export ${surface}`)
  const { config } = readConfig({})
  Reflect.apply(plugin, undefined, [{ config, limits: {}, clock: { now: () => 0 } }])
}
