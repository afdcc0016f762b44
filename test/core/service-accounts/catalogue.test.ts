import { expect, test } from 'bun:test'
import { findAccount, SERVICE_ACCOUNTS } from '../../../src/core/service-accounts/catalogue.ts'

test('the accounts are those that clients know, with what each may have at most', () => {
  const day = 24 * 60
  expect(SERVICE_ACCOUNTS.map(({ name, scopes, tenant, lifetimeMinutes }) => [name, scopes.join(' '), tenant, lifetimeMinutes])).toEqual([
    ['analytics-batch', 'conversations:read', 'required', 30 * day],
    ['billing-worker', 'billing:manage billing:read', 'required', 30 * day],
    ['demo-bot', 'chat:write conversations:read', 'forbidden', 30 * day],
    ['support-console', 'support:*', 'forbidden', 7 * day],
    ['synthetic-monitor', 'billing:read conversations:write tools:read', 'required', day],
  ])
})

test('names are such as tokens and addresses can carry, and no two are the same', () => {
  const names = SERVICE_ACCOUNTS.map(({ name }) => name)
  expect(names.filter((name) => !/^[a-z0-9-]{3,64}$/.test(name))).toEqual([])
  expect(new Set(names).size).toBe(names.length)
  for (const { scopes } of SERVICE_ACCOUNTS) expect(scopes.toSorted()).toEqual([...scopes])
})

test('an account is found by its exact name', () => {
  expect(findAccount('demo-bot')?.tenant).toBe('forbidden')
  for (const name of ['Demo-Bot', 'demo-bot ', '', 'constructor', 'toString']) expect(findAccount(name)).toBeUndefined()
})
