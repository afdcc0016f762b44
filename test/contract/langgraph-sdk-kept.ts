import { expect } from 'bun:test'
import { newThread, type Plays, refusal, says } from './langgraph-sdk-stage.ts'

const NOBODY = '00000000-0000-4000-8000-000000000000'
const YEARLY = '0 0 1 1 *'

export const cronPlays: Plays = {
  'crons are made, found, counted, changed and removed': async (stage) => {
    const { client, version } = stage
    const threadId = await newThread(stage)
    const metadata = { family: crypto.randomUUID() }
    const body = { schedule: YEARLY, input: says('hello'), metadata, config: { tags: ['t'] } }
    const kept = (await client.crons.createForThread(threadId, 'echo', body)) as unknown as Record<string, unknown>
    expect(kept).toMatchObject({ thread_id: threadId, schedule: YEARLY, end_time: null, enabled: true, metadata })
    expect(kept.payload).toMatchObject({ input: says('hello'), config: { tags: ['t'] } })
    expect(kept.next_run_date).toMatch(/-01-01T00:00:00/)
    const loose = (await client.crons.create('echo', { ...body, onRunCompleted: 'keep', enabled: false })) as unknown as { cron_id: string }
    expect(loose).toMatchObject({ thread_id: null, on_run_completed: 'keep', enabled: false })
    const find = async (query: object) =>
      (await client.crons.search({ ...query, sortBy: 'created_at', sortOrder: 'asc' })).map((c) => c.cron_id)
    expect(await find({ threadId })).toEqual([kept.cron_id] as never)
    expect(await client.crons.count({ threadId })).toBe(1)
    if (version === '1.15.0') {
      expect(await find({ metadata })).toEqual([kept.cron_id, loose.cron_id] as never)
      expect(await find({ metadata, enabled: false })).toEqual([loose.cron_id])
      expect(await client.crons.count({ metadata })).toBe(2)
    }
    expect(await client.crons.search({ threadId, select: ['cron_id', 'schedule'] })).toEqual([
      { cron_id: kept.cron_id, schedule: YEARLY },
    ] as never)
    const changed = await client.crons.update(loose.cron_id, { schedule: '*/5 * * * *', enabled: true, endTime: '2099-01-01T00:00:00Z' })
    expect(changed).toMatchObject({ schedule: '*/5 * * * *', enabled: true, end_time: expect.stringMatching(/^2099-01-01/) })
    expect(changed.payload).toMatchObject({ input: says('hello') })
    expect(await client.crons.update(loose.cron_id, { endTime: null, enabled: false })).toMatchObject({ end_time: null })
    for (const id of [String(kept.cron_id), loose.cron_id]) await client.crons.delete(id)
    expect(await client.crons.count({ threadId })).toBe(0)
    expect(await refusal(client.crons.delete(loose.cron_id))).toBe('HTTP 404: {"detail":"Cron not found"}')
  },

  'a cron of a time zone is due by its clock': async ({ client, version }) => {
    if (version === '2.0.0') return
    const cron = await client.crons.create('echo', { schedule: '0 12 1 1 *', timezone: 'Asia/Tokyo', input: says('noon') })
    expect(cron).toMatchObject({ timezone: 'Asia/Tokyo', next_run_date: expect.stringMatching(/-01-01T03:00:00/) })
    await client.crons.delete((cron as unknown as { cron_id: string }).cron_id)
    expect(await refusal(client.crons.create('echo', { schedule: YEARLY, timezone: 'Moon/Crater' }))).toContain('HTTP 422: ')
  },

  'a cron that can never be due is refused': async (stage) => {
    const { client } = stage
    expect(await refusal(client.crons.create('echo', { schedule: 'whenever' }))).toContain('HTTP 422: ')
    expect(await refusal(client.crons.create('nobody', { schedule: YEARLY }))).toContain('HTTP 404: ')
    expect(await refusal(client.crons.createForThread(NOBODY, 'echo', { schedule: YEARLY }))).toContain('HTTP 404: ')
  },
}

export const storePlays: Plays = {
  'an item is put, read, replaced and deleted': async ({ client }) => {
    const namespace = ['users', crypto.randomUUID()]
    expect(await client.store.getItem(namespace, 'tone')).toBeNull()
    expect(await client.store.putItem(namespace, 'tone', { tone: 'dry' })).toBeUndefined()
    const item = await client.store.getItem(namespace, 'tone')
    expect(item).toMatchObject({
      namespace,
      key: 'tone',
      value: { tone: 'dry' },
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    })
    await client.store.putItem(namespace, 'tone', { tone: 'warm' }, { index: false })
    expect(await client.store.getItem(namespace, 'tone')).toMatchObject({ value: { tone: 'warm' }, createdAt: item?.createdAt as string })
    expect(await client.store.deleteItem(namespace, 'tone')).toBeUndefined()
    expect(await client.store.getItem(namespace, 'tone')).toBeNull()
    expect(await refusal(client.store.putItem([], 'x', {}))).toContain('HTTP 400: ')
    expect(await refusal(client.store.putItem(['a', ''], 'x', {}))).toContain('HTTP 422: ')
  },

  'items are found by namespace and value, and their namespaces listed': async ({ client }) => {
    const root = crypto.randomUUID()
    for (const [who, level] of [
      ['ada', 1],
      ['ben', 2],
      ['cleo', 3],
    ] as const)
      await client.store.putItem([root, 'people', who], 'card', { level, who })
    await client.store.putItem([root, 'places'], 'oslo', { level: 3 })
    const found = async (filter?: Record<string, unknown>, more: object = {}) =>
      (await client.store.searchItems([root, 'people'], { ...(filter ? { filter } : {}), ...more })).items
        .map(({ value }) => value.who)
        .sort()
    expect(await found()).toEqual(['ada', 'ben', 'cleo'])
    expect(await found({ who: 'ben' })).toEqual(['ben'])
    expect(await found({ level: { $gte: 2 } })).toEqual(['ben', 'cleo'])
    expect(await found(undefined, { limit: 2, offset: 2 })).toHaveLength(1)
    const { items } = await client.store.searchItems([root], { filter: { level: 3 } })
    expect(items.map(({ key, createdAt }) => [key, typeof createdAt]).sort()).toEqual([
      ['card', 'string'],
      ['oslo', 'string'],
    ])
    const listed = async (options: object) =>
      (await client.store.listNamespaces({ prefix: [root], ...options })).namespaces.map((n) => n.slice(1).join('/')).sort()
    expect(await listed({})).toEqual(['people/ada', 'people/ben', 'people/cleo', 'places'])
    expect(await listed({ maxDepth: 2 })).toEqual(['people', 'places'])
    expect(await listed({ suffix: ['ben'] })).toEqual(['people/ben'])
    expect(await listed({ limit: 1, offset: 3 })).toHaveLength(1)
  },

  'what a graph keeps is read, and what is put is known to the graph': async (stage) => {
    const { client } = stage
    const user = crypto.randomUUID()
    await client.store.putItem(['notes', user], 'first', { note: 'brings milk' })
    const values = await client.runs.wait(await newThread(stage), 'memory', { input: { user, note: 'Likes trains' } })
    expect(values).toMatchObject({ notes: ['Likes trains', 'brings milk'] })
    expect(await client.store.getItem(['notes', user], 'likes-trains')).toMatchObject({ value: { note: 'Likes trains' } })
  },
}
