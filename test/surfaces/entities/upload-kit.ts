import { operator } from '../../../src/core/identity/tenants.ts'
import { createKeyFor } from '../../../src/core/identity/user-keys.ts'
import { createUser } from '../../../src/core/identity/users.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { spell } from '../../../src/surfaces/entities/ids.ts'
import type { Served } from '../../support/served.ts'

export interface Person {
  /** As the surface spells it. */
  id: string
  key: string
}

export async function person(served: Served, tenant = 'one'): Promise<Person> {
  const caller = await operator(served.app, tenant)
  const { id } = await createUser(served.app, caller, {})
  const { secret } = await createKeyFor(served.app, caller, { userId: id })
  return { id: spell('user', id), key: secret }
}

export interface Sent {
  key?: string
  name?: string
  content?: string | Uint8Array<ArrayBuffer>
  type?: string
  purpose?: string
  headers?: Record<string, string>
}

export const text = (content: string, name = 'a.txt', type?: string): File => new File([content], name, type === undefined ? {} : { type })

/** Sends a form with the fields in this order. */
export function post(
  served: Served,
  key: string,
  parts: [name: string, value: string | File][],
  headers?: Record<string, string>,
): Promise<Response> {
  const form = new FormData()
  for (const [name, value] of parts) form.append(name, value)
  return served.send('POST', '/entities/v1/uploads', form, { key, ...(headers ? { headers } : {}) })
}

export async function upload(served: Served, { id, key }: Person, sent: Sent = {}): Promise<JsonObject & { id: string }> {
  const { name = 'a.txt', content = 'hello', type = '', purpose = 'assistants', headers } = sent
  const file = new File([content], name, { type })
  const response = await post(
    served,
    sent.key ?? key,
    [
      ['purpose', purpose],
      ['user_id', id],
      ['file', file],
    ],
    headers,
  )
  if (response.status !== 201) throw new Error(`the upload answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as JsonObject & { id: string }
}

/** Status and detail of a refusal. */
export async function refusal(response: Response): Promise<[status: number, detail: unknown]> {
  return [response.status, ((await response.json()) as JsonObject).detail]
}

export async function signedUrl(served: Served, { key }: Person, fileId: string, query = ''): Promise<URL> {
  const response = await served.send('GET', `/entities/v1/uploads/${fileId}/signed-url${query}`, undefined, { key })
  if (response.status !== 200) throw new Error(`the link answered ${response.status}: ${await response.text()}`)
  return new URL(String(((await response.json()) as JsonObject).signed_url))
}
