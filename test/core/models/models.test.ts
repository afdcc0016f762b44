import { expect, test } from 'bun:test'
import { readConfig } from '../../../src/config.ts'
import type { Caller, Scope } from '../../../src/core/caller.ts'
import { deleteModel, embed, getModel, listModels } from '../../../src/core/models/models.ts'
import { openModels } from '../../../src/drivers/models/models.ts'
import { silentLog } from '../../support/postgres.ts'

const app = { models: openModels({ ...readConfig({}).config.models, aliases: { small: 'echo' } }, { log: silentLog }) }
const callerWith = (...scopes: Scope[]): Caller => ({ tenantId: 't', userId: null, keyId: null, scopes: new Set(scopes) })
const caller = callerWith('read', 'write')
const { signal } = new AbortController()

test('what is configured is listed and found under its name', async () => {
  const ids = (await listModels(app, caller, signal)).map((model) => model.id)
  expect(ids).toContain('echo')
  expect(ids).toContain('small')
  expect(await getModel(app, caller, { id: 'small', signal })).toMatchObject({ id: 'small' })
})

test('a name that nobody serves is model_not_found, also when it is to be deleted', async () => {
  const missing = { code: 'model_not_found', facts: { id: 'nothing', param: 'model' } }
  await expect(getModel(app, caller, { id: 'nothing', signal })).rejects.toMatchObject(missing)
  await expect(deleteModel(app, caller, { id: 'nothing', signal })).rejects.toMatchObject(missing)
})

test('a configured model cannot be deleted', async () => {
  await expect(deleteModel(app, caller, { id: 'echo', signal })).rejects.toMatchObject({ code: 'forbidden' })
})

test('each function demands its scope', async () => {
  await expect(listModels(app, { ...callerWith('write'), scopes: new Set() }, signal)).rejects.toMatchObject({ code: 'forbidden' })
  await expect(getModel(app, { ...callerWith('write'), scopes: new Set() }, { id: 'echo', signal })).rejects.toMatchObject({
    code: 'forbidden',
  })
  await expect(deleteModel(app, callerWith('read'), { id: 'nothing', signal })).rejects.toMatchObject({ code: 'forbidden' })
  await expect(embed(app, callerWith('read'), { body: { model: 'lexical-hash', input: 'a' }, signal })).rejects.toMatchObject({
    code: 'forbidden',
  })
})
