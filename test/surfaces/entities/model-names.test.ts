import { expect, test } from 'bun:test'
import { readConfig } from '../../../src/config.ts'
import { openModels } from '../../../src/drivers/models/models.ts'
import { modelOf } from '../../../src/surfaces/entities/model-names.ts'
import { silentLog } from '../../support/postgres.ts'

const parts = (over: { models?: object; entities?: object } = {}) => {
  const { config } = readConfig({})
  const models = { ...config.models, ...over.models }
  const given = { ...config, models, entities: { ...config.entities, ...over.entities } }
  return { config: given, models: openModels(models, { log: silentLog }) }
}
const provider = (name: string, models: string[] = []) => ({ name, baseUrl: 'http://127.0.0.1:1/v1', apiKey: null, models })

test('a mapped name is what it is mapped to, whatever else it could be', () => {
  const app = parts({ entities: { models: { 'hyperbolic/x': 'echo', echo: 'other' } } })
  expect(modelOf(app, 'hyperbolic/x')).toBe('echo')
  expect(modelOf(app, 'echo')).toBe('other')
})

test('a name that the server knows needs no map', () => {
  expect(modelOf(parts(), 'echo')).toBe('echo')
  expect(modelOf(parts({ models: { providers: [provider('groq', [])] } }), 'groq/llama')).toBe('groq/llama')
  expect(modelOf(parts({ models: { providers: [provider('up', ['local-7b'])] } }), 'local-7b')).toBe('local-7b')
})

test('names of other providers are not sent to one that takes every name', () => {
  const app = parts({ models: { providers: [provider('up')], defaultProvider: 'up' }, entities: { models: { 'google/a': 'up/a' } } })
  expect(modelOf(app, 'gpt-4o')).toBe('gpt-4o')
  for (const name of ['hyperbolic/x', 'Google/b', 'groq-x', 'LOCAL/x'])
    expect(() => modelOf(app, name)).toThrow(`Invalid model '${name}'. Must be one of: google/a`)
})

test('a prefix that nobody knows is named', () => {
  expect(() => modelOf(parts(), 'nobody/x')).toThrow("Invalid or unknown model identifier prefix: 'nobody/x'")
  for (const name of ['__proto__', 'constructor'])
    expect(() => modelOf(parts(), name)).toThrow('Invalid or unknown model identifier prefix')
})
