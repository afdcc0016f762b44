import { afterAll, beforeEach, expect, test } from 'bun:test'
import type { Config } from '../../../src/config.ts'
import { openModels } from '../../../src/drivers/models/models.ts'
import { startModelServer } from '../../support/model-server.ts'
import { ask, failureOf, modelsConfig, never, RecordingLog, RecordingSink } from './recording.ts'

const main = startModelServer()
const other = startModelServer()
afterAll(() => Promise.all([main.stop(), other.stop()]))
beforeEach(() => {
  for (const server of [main, other]) {
    server.requests.length = 0
    server.script = () => undefined
  }
})

const log = new RecordingLog()
let now = 0
const open = (changes: Partial<Config['models']> = {}) => openModels(config(changes), { log, clock: { now: () => now } })
const config = (changes: Partial<Config['models']>): Config['models'] =>
  modelsConfig({
    providers: [
      { name: 'main', baseUrl: main.url, apiKey: null, models: [] },
      { name: 'other', baseUrl: other.url, apiKey: null, models: ['claimed', 'org/claimed'] },
    ],
    defaultProvider: 'main',
    aliases: { best: 'other/big', plain: 'small', offline: 'echo', constructor: 'other/c' },
    scripts: { greet: [{ text: ['hello'] }] },
    ...changes,
  })

const ROUTES: [asked: string, server: 'main' | 'other' | 'scripted', model: string][] = [
  ['best', 'other', 'big'],
  ['plain', 'main', 'small'],
  ['offline', 'scripted', 'echo'],
  ['constructor', 'other', 'c'],
  ['other/x', 'other', 'x'],
  ['other/org/x', 'other', 'org/x'],
  ['claimed', 'other', 'claimed'],
  ['org/claimed', 'other', 'org/claimed'],
  ['meta/llama-3', 'main', 'meta/llama-3'],
  ['toString', 'main', 'toString'],
  ['anything', 'main', 'anything'],
  ['main/', 'main', 'main/'],
  ['/x', 'main', '/x'],
  ['echo', 'scripted', 'echo'],
  ['greet', 'scripted', 'greet'],
  ['scripted/greet', 'scripted', 'greet'],
  ['scripted/t1-d0', 'scripted', 't1-d0'],
]

for (const [asked, server, model] of ROUTES) {
  test(`'${asked}' goes to ${server} as '${model}'`, async () => {
    const models = open()
    models.require(asked)
    const generated = await models.generate(ask('hi', { model: asked }), new RecordingSink(), never())
    const asks = { main: main.requests, other: other.requests, scripted: [] }
    expect(Object.entries(asks).flatMap(([name, requests]) => requests.map(({ body }) => [name, body.model]))).toEqual(
      server === 'scripted' ? [] : [[server, model]],
    )
    expect(generated.text).toBe(server !== 'scripted' || model === 'echo' ? 'hi' : model === 'greet' ? 'hello' : 'tok0 ')
  })
}

test('a name that nobody serves is a fault that says what to do', async () => {
  const models = open({ providers: [], defaultProvider: null, aliases: { lost: 'gone/x' } })
  for (const model of ['gpt-4o', 'lost', 't1-d0', '']) {
    expect(() => models.require(model)).toThrow(
      `No provider serves the model '${model}'. Set OPENAI_BASE_URL or OPENAI_API_KEY, or use the model 'echo'.`,
    )
  }
  expect(() => models.require('scripted/nope')).toThrow("Its models are 'echo'")
  const failure = await failureOf(models.generate(ask('hi', { model: 'gpt-4o' }), new RecordingSink(), never()))
  expect(failure).toMatchObject({ code: 'model_not_found', facts: { id: 'gpt-4o' } })
  expect(await failureOf(models.complete({ messages: [] }, never()))).toMatchObject({ code: 'invalid', facts: { param: 'model' } })
})

const DEFAULTS: [what: string, changes: Partial<Config['models']>, server: 'main' | 'other' | 'scripted', model: string][] = [
  ['the alias of that name', { aliases: { default: 'main/chosen' } }, 'main', 'chosen'],
  ['the first model that any provider lists', {}, 'other', 'claimed'],
  [
    "the default provider's own first",
    {
      providers: [
        { name: 'other', baseUrl: other.url, apiKey: null, models: ['claimed'] },
        { name: 'main', baseUrl: main.url, apiKey: null, models: ['m1', 'm2'] },
      ],
    },
    'main',
    'm1',
  ],
  ['the echo, without providers', { providers: [], defaultProvider: null }, 'scripted', 'echo'],
  ['the echo, where the scripted provider is the default', { defaultProvider: 'scripted' }, 'scripted', 'echo'],
]

for (const [what, changes, server, model] of DEFAULTS) {
  test(`the default model is ${what}`, async () => {
    const models = open(changes)
    models.require('default')
    await models.generate(ask('hi', { model: 'default' }), new RecordingSink(), never())
    const asks = { main: main.requests, other: other.requests, scripted: [] }
    expect(Object.entries(asks).flatMap(([name, requests]) => requests.map(({ body }) => [name, body.model]))).toEqual(
      server === 'scripted' ? [] : [[server, model]],
    )
  })
}

test('where nothing says which model is the default, using it is a fault that says what to do', () => {
  const models = open({ providers: [{ name: 'main', baseUrl: main.url, apiKey: null, models: [] }] })
  expect(() => models.require('default')).toThrow('No model is set up as the default. Name a model')
})

test('an unknown default provider is refused at the start', () => {
  expect(() => open({ defaultProvider: 'nobody' })).toThrow("there is no provider 'nobody'")
})

test('the list holds what is configured and what providers have, each once, under names that lead back', async () => {
  main.script = () => ({
    body: JSON.stringify({ data: [{ id: 'small', owned_by: 'us', created: 5 }, { id: 'claimed' }, { id: 'plain' }, {}] }),
  })
  other.script = () => ({ body: JSON.stringify({ data: [{ id: 'claimed', owned_by: 'them', created: 6 }, { id: 'big' }] }) })
  const models = open()
  const list = await models.list(never())
  expect(list.map(({ id }) => id).sort()).toEqual(
    [
      'best',
      'claimed',
      'constructor',
      'echo',
      'greet',
      'quote',
      'lexical-hash',
      'main/claimed',
      'main/plain',
      'offline',
      'org/claimed',
      'other/big',
      'plain',
      'small',
    ].sort(),
  )
  expect(list.find(({ id }) => id === 'claimed')).toEqual({ id: 'claimed', ownedBy: 'them', created: 6 })
  expect(list.find(({ id }) => id === 'best')).toEqual({ id: 'best', ownedBy: 'other', created: 0 })
  for (const { id } of list) {
    models.require(id)
    expect(await models.find(id, never())).toMatchObject({ id })
  }
  expect(await models.find('best', never())).toEqual({ id: 'best', ownedBy: 'other', created: 0 })
  expect(await models.find('nothing', never())).toBeUndefined()
  expect(await models.find('scripted/t5-d0', never())).toMatchObject({ ownedBy: 'scripted' })
})

test('providers are asked for their list once a minute', async () => {
  const models = open()
  now = 0
  await Promise.all([models.list(never()), models.list(never())])
  now = 59_999
  await models.list(never())
  expect(main.requests).toHaveLength(1)
  now = 60_000
  await models.list(never())
  expect(main.requests).toHaveLength(2)
})

test('a provider that cannot be asked is left out, logged, and asked again soon', async () => {
  now = 0
  main.script = () => ({ status: 500, error: { message: 'down' } })
  const models = open()
  expect((await models.list(never())).map(({ id }) => id)).toContain('other/stub-t20-d0')
  expect(log.lines.some((line) => line.startsWith('models.list_failed') && line.includes('"main"'))).toBe(true)
  main.script = () => undefined
  now = 10_000
  expect((await models.list(never())).map(({ id }) => id)).toContain('stub-t20-d0')
})

test('an aborted list does not spoil the question for others', async () => {
  const models = open()
  main.script = async () => {
    await Bun.sleep(50)
    return undefined
  }
  const waiting = models.list(never())
  expect((await failureOf(models.list(AbortSignal.timeout(5)))).name).toBe('AbortError')
  expect((await waiting).map(({ id }) => id)).toContain('stub-t20-d0')
})
