import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { answers } from './route.ts'

const Health = t.Object({ status: t.String(), database: t.Boolean(), version: t.String() })

/** Needs no key: who asks may not have one yet. Without a database it is 503. */
export const health = (app: App) => {
  const route = answers({ id: 'health_check', summary: 'Whether the server and its database answer' }, Health)
  return new Elysia({ tags: ['Health'] }).get(
    '/health',
    async () => {
      await app.records.check()
      return { database: true, status: 'healthy', version: app.version }
    },
    { ...route, detail: { ...route.detail, security: [] as never[] } },
  )
}
