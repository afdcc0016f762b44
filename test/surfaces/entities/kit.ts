import { operator } from '../../../src/core/identity/tenants.ts'
import { issueKey } from '../../../src/core/identity/user-keys.ts'
import { createAdmin, createUser } from '../../../src/core/identity/users.ts'
import { spell } from '../../../src/surfaces/entities/ids.ts'
import type { SendInit, Served } from '../../support/served.ts'

/** Somebody of a tenant, with a key of his own. */
export interface Person {
  /** As clients see it. */
  id: string
  userId: string
  key: string
}

export async function newPerson(
  { app }: Served,
  { tenant = 'one', admin = false, expiresAt }: { tenant?: string; admin?: boolean; expiresAt?: number } = {},
): Promise<Person> {
  const caller = await operator(app, tenant)
  const user = await (admin ? createAdmin : createUser)(app, caller, { email: `${crypto.randomUUID()}@example.com` })
  const { secret } = await issueKey(app, caller, { userId: user.id, name: 'test', ...(expiresAt === undefined ? {} : { expiresAt }) })
  return { id: spell('user', user.id), userId: user.id, key: secret }
}

/** Sends as the Python SDK does: to /v1, with the key in X-API-Key. Null sends none. */
export function sender(served: Served, key: string | null, base = '/entities/v1') {
  return (method: string, path: string, body?: unknown, { headers = {}, ...init }: SendInit = {}): Promise<Response> =>
    served.send(method, base + path, body, { ...init, key: null, headers: { ...(key === null ? {} : { 'x-api-key': key }), ...headers } })
}

/** Status and JSON, or text where it is none. */
export async function told(response: Response | Promise<Response>): Promise<[status: number, body: unknown]> {
  const answer = await response
  const text = await answer.text()
  try {
    return [answer.status, JSON.parse(text)]
  } catch {
    return [answer.status, text]
  }
}
