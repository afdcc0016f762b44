import { describe, expect, test } from 'bun:test'
import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { answersIn } from '../../src/http/answers.ts'
import { openapiDocument } from '../../src/http/openapi.ts'

const { answers, answersNothing, answersBytes, streams } = answersIn({
  error: t.Object({ sorry: t.String() }),
  refusals: [401, 404],
  security: [{ bearer: [] }],
})

const app = new Elysia()
  .onError(({ error }) => new Response(String(error), { status: 500 }))
  .get('/made', () => ({ a: 1 }), answers({ id: 'make', summary: 'Make', description: 'Makes.' }, t.Object({ a: t.Integer() }), 201))
  .get('/wrong', (): { a: number } => ({ a: 'text' }) as never, answers({ id: 'wrong', summary: 'Wrong' }, t.Object({ a: t.Integer() })))
  .get('/own', () => new Response('as it is'), answers({ id: 'own', summary: 'Own' }, t.Object({ a: t.Integer() })))
  .delete('/gone', () => undefined, answersNothing({ id: 'remove', summary: 'Remove' }))
  .get('/bytes', () => new Response('x'), answersBytes({ id: 'read', summary: 'Read' }))
  .get('/events', () => new Response('x'), streams({ id: 'follow', summary: 'Follow' }))

const ask = (path: string, method = 'GET') => app.handle(new Request(`http://localhost${path}`, { method }))

describe('a route', () => {
  test('answers with its own status', async () => {
    expect((await ask('/made')).status).toBe(201)
    expect((await ask('/gone', 'DELETE')).status).toBe(204)
  })

  test('that breaks its own schema is our mistake, said by its name and place', async () => {
    const answer = await ask('/wrong')
    expect(await answer.text()).toContain('The answer of wrong breaks its own schema at a')
  })

  test('that makes its own response is let through', async () => {
    expect(await (await ask('/own')).text()).toBe('as it is')
  })
})

test('the document says what comes back, and every refusal of the dialect', () => {
  const { paths } = openapiDocument({ title: 'T', version: '1', plugin: app }) as {
    paths: Record<string, Record<string, { operationId: string; description?: string; responses: Record<string, { content?: object }> }>>
  }
  expect(paths['/made']?.get).toMatchObject({ operationId: 'make', description: 'Makes.', security: [{ bearer: [] }] })
  for (const [path, method, statuses] of [
    ['/made', 'get', ['201', '401', '404']],
    ['/gone', 'delete', ['204', '401', '404']],
    ['/bytes', 'get', ['200', '401', '404']],
  ] as const)
    expect(Object.keys(paths[path]?.[method]?.responses ?? {}).toSorted()).toEqual([...statuses])
  expect(Object.keys(paths['/events']?.get?.responses['200']?.content ?? {})).toEqual(['text/event-stream'])
  expect(Object.keys(paths['/bytes']?.get?.responses['200']?.content ?? {})).toEqual(['application/octet-stream'])
})
