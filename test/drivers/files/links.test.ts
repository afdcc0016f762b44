import { expect, test } from 'bun:test'
import { newId } from '../../../src/core/id.ts'
import { type ObjectLink, signLink, verifyLink } from '../../../src/drivers/files/links.ts'
import type { SignedRequest } from '../../../src/drivers/files/port.ts'

const key = { tenantId: newId(), id: newId() }
const using = { signingKey: 'the key of a tenant', now: 1000 }
const get: SignedRequest = { key, method: 'GET', expiresAt: 2000, type: 'text/plain', filename: 'Müller & Söhne.txt' }
const put: SignedRequest = { key, method: 'PUT', expiresAt: 2000, type: 'text/plain', bytes: 5 }

const linkOf = (request: SignedRequest, base = 'https://files.example/deep'): ObjectLink => {
  const url = new URL(signLink(request, { base, signingKey: using.signingKey }))
  return { method: request.method, ...request.key, query: url.search.slice(1) }
}

test('a link says what was signed', () => {
  expect(verifyLink(linkOf(get), using)).toEqual(get)
  expect(verifyLink(linkOf(put), using)).toEqual(put)
  expect(verifyLink(linkOf({ ...put, bytes: 0 }), using)).toEqual({ ...put, bytes: 0 })
})

test('a link lies below the address of the server', () => {
  const path = (base: string) => signLink(get, { base, signingKey: 'k' }).split('?')[0]
  expect(path('https://files.example/deep')).toBe(`https://files.example/deep/objects/${key.tenantId}/${key.id}`)
  expect(path('http://[::1]:80/')).toBe(`http://[::1]/objects/${key.tenantId}/${key.id}`)
})

test('each field is signed', () => {
  for (const request of [get, put]) {
    const link = linkOf(request)
    const changed: SignedRequest[] = [
      { ...request, expiresAt: 2001 },
      { ...request, type: 'text/html' },
      { ...request, bytes: 6 },
      { ...request, filename: 'other.txt' },
    ]
    for (const other of changed) {
      const query = new URLSearchParams(linkOf(other).query)
      query.set('signature', new URLSearchParams(link.query).get('signature') ?? '')
      expect(verifyLink({ ...link, query: String(query) }, using)).toBeUndefined()
    }
    expect(verifyLink({ ...link, method: request.method === 'GET' ? 'PUT' : 'GET' }, using)).toBeUndefined()
    expect(verifyLink({ ...link, id: newId() }, using)).toBeUndefined()
    expect(verifyLink({ ...link, tenantId: newId() }, using)).toBeUndefined()
  }
})

test('a field that is added, missing, given twice or spelled in another way makes a link invalid', () => {
  const link = linkOf(put)
  const asked = (query: string) => verifyLink({ ...link, query }, using)
  expect(asked(link.query)).toBeDefined()
  for (const more of ['filename=x', 'bytes=5', 'more=', 'signature='])
    expect([more, asked(`${link.query}&${more}`)]).toEqual([more, undefined])
  for (const name of ['expires', 'type', 'bytes', 'signature']) {
    const query = new URLSearchParams(link.query)
    query.delete(name)
    expect([name, asked(String(query))]).toEqual([name, undefined])
  }
  for (const bytes of ['05', '5.0', '+5', '5e0', '']) expect(asked(link.query.replace('bytes=5', `bytes=${bytes}`))).toBeUndefined()
  expect(asked('')).toBeUndefined()
})

test('another key, and a time that has come, make a link invalid', () => {
  expect(verifyLink(linkOf(get), { ...using, signingKey: 'the key of another' })).toBeUndefined()
  expect(verifyLink(linkOf(get), { ...using, now: 1999 })).toBeDefined()
  expect(verifyLink(linkOf(get), { ...using, now: 2000 })).toBeUndefined()
})

test('no link is signed or good without a key', () => {
  expect(() => signLink(get, { base: 'http://x', signingKey: '' })).toThrow('needs a signing key')
  expect(() => verifyLink(linkOf(get), { ...using, signingKey: '' })).toThrow('needs a signing key')
})
