import { expect, test } from 'bun:test'
import { type Caller, requireScope, type Scope } from '../../src/core/caller.ts'

const withScopes = (...scopes: Scope[]): Caller => ({ tenantId: 't', userId: null, keyId: null, scopes: new Set(scopes) })

test('each scope allows itself, write allows to read, and admin allows all', () => {
  const all: Scope[] = ['read', 'write', 'admin']
  for (const scope of all)
    for (const held of all) {
      const check = () => requireScope(withScopes(held), scope)
      if (held === scope || held === 'admin' || (held === 'write' && scope === 'read')) check()
      else expect(check).toThrow(expect.objectContaining({ code: 'forbidden' }))
    }
})
