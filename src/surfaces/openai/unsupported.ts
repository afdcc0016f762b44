import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { Fault } from '../../core/fault.ts'
import { openaiCaller } from './caller.ts'

/** Operations of the contract that are not built, by what a client would call the missing part. */
const MISSING: Record<string, readonly [method: 'GET' | 'POST' | 'DELETE', path: string][]> = {
  Files: [
    ['GET', '/files'],
    ['POST', '/files'],
    ['GET', '/files/:file_id'],
    ['DELETE', '/files/:file_id'],
    ['GET', '/files/:file_id/content'],
  ],
  Uploads: [
    ['POST', '/uploads'],
    ['POST', '/uploads/:upload_id/cancel'],
    ['POST', '/uploads/:upload_id/complete'],
    ['POST', '/uploads/:upload_id/parts'],
  ],
}

/** Named and refused, to callers with a key. Hidden from the document, which promises only what works. */
export function unsupported(app: App) {
  const plugin = new Elysia().use(openaiCaller(app))
  for (const [what, routes] of Object.entries(MISSING)) {
    const refuse = (): never => {
      throw new Fault('unsupported', `${what} are not supported by this server yet.`)
    }
    for (const [method, path] of routes) plugin.route(method, path, refuse, { detail: { hide: true }, parse: 'none' })
  }
  return plugin
}
