import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { answers, asks } from './route.ts'

const Health = t.Object({ ok: t.Literal(true) })

const Info = t.Object({
  version: t.String(),
  context: t.String({ description: 'The language of the graphs.' }),
  flags: t.Object({ assistants: t.Boolean(), crons: t.Boolean(), langsmith: t.Boolean(), langsmith_tracing_replicas: t.Boolean() }),
})

const OPEN = { security: [] as never[] }

/** What of this surface needs no key: whoever asks does not know yet whether he has one. */
export const meta = (app: Pick<App, 'records' | 'version'>) => {
  const ok = answers({ id: 'getHealth', summary: 'Whether the server answers' }, Health)
  const info = answers({ id: 'getServerInfo', summary: 'What the server is and can do' }, Info)
  return new Elysia({ tags: ['Meta'] })
    .get(
      '/ok',
      async ({ query }) => {
        if (query.check_db) await app.records.check()
        return { ok: true as const }
      },
      {
        ...asks(t.Object({ check_db: t.Optional(t.Boolean({ description: 'Asks the database too.' })) })),
        ...ok,
        detail: { ...ok.detail, ...OPEN },
      },
    )
    .get(
      '/info',
      () => ({
        version: app.version,
        context: 'js',
        flags: { assistants: true, crons: true, langsmith: false, langsmith_tracing_replicas: false },
      }),
      { ...info, detail: { ...info.detail, ...OPEN } },
    )
}
