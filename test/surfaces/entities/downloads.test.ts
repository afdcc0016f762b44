import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { type Config, readConfig } from '../../../src/config.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { type Person, person, refusal, signedUrl, upload } from './upload-kit.ts'

let served: Served
let one: Person
beforeAll(async () => {
  served = await serve()
  one = await person(served)
}, SERVER_START_MS)
afterAll(() => served.close())

const seconds = (): number => Math.floor(Date.now() / 1000)
const changed = (url: URL, query: Record<string, string | null>): URL => {
  const copy = new URL(url)
  for (const [name, value] of Object.entries(query)) {
    if (value === null) copy.searchParams.delete(name)
    else copy.searchParams.set(name, value)
  }
  return copy
}

describe('a link of the first form', () => {
  test('serves the file without a key, to be saved under its id', async () => {
    const { id } = await upload(served, one, { name: 'page.html', content: '<script>1</script>' })
    const url = await signedUrl(served, one, id)
    expect(url.href).toStartWith(`${served.url}/entities/v1/files/download?file_id=${id}&expires=`)
    expect(url.searchParams.get('signature')).toMatch(/^[0-9a-f]{64}$/)
    expect(Math.abs(Number(url.searchParams.get('expires')) - seconds() - 3600)).toBeLessThan(30)
    const response = await fetch(url)
    expect([response.status, await response.text()]).toEqual([200, '<script>1</script>'])
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${id}"; filename*=UTF-8''${id}`,
      'x-content-type-options': 'nosniff',
    })
  })

  test('works on every mount', async () => {
    const { id } = await upload(served, one)
    const url = await signedUrl(served, one, id)
    url.pathname = '/entities/files/download'
    expect((await fetch(url)).status).toBe(200)
  })

  test('serves parts', async () => {
    const { id } = await upload(served, one, { content: 'hello world' })
    const url = await signedUrl(served, one, id)
    const part = await fetch(url, { headers: { range: 'bytes=6-' } })
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 6-10/11', 'world'])
    expect((await fetch(url, { headers: { range: 'bytes=11-' } })).status).toBe(416)
  })

  test('is refused when anything of it is changed', async () => {
    const { id } = await upload(served, one)
    const { id: secret } = await upload(served, one, { content: 'secret' })
    const stranger = await person(served, 'two')
    const { id: elsewhere } = await upload(served, stranger)
    const url = await signedUrl(served, one, id)
    const theirs = await signedUrl(served, stranger, elsewhere)
    const tenant = theirs.searchParams.get('tenant')
    const later = String(Number(url.searchParams.get('expires')) + 1)
    const changes: Record<string, string | null>[] = [
      { file_id: secret },
      { file_id: elsewhere },
      { file_id: 'file_0000000000000000000000' },
      { file_id: '../x' },
      { expires: later },
      { signature: '0'.repeat(64) },
      { signature: 'x' },
      { signature: String(url.searchParams.get('signature')).toUpperCase() },
      { use_real_filename: 'true' },
      { use_real_filename: 'false' },
      { tenant },
      { tenant: 'nobody' },
      { file_id: secret, tenant: null },
    ]
    for (const change of changes)
      expect([change, ...(await refusal(await fetch(changed(url, change))))]).toEqual([change, 403, 'Invalid signature'])
    expect((await fetch(changed(url, { tenant: null }))).status).toBe(200)
  })

  test('is a matter of 422 where it is no link', async () => {
    const url = await signedUrl(served, one, (await upload(served, one)).id)
    for (const change of [{ expires: null }, { signature: null }, { file_id: null }, { expires: 'soon' }, { expires: '9'.repeat(30) }])
      expect((await refusal(await fetch(changed(url, change))))[0]).toBe(422)
  })

  test('ends with its file', async () => {
    const { id } = await upload(served, one)
    const url = await signedUrl(served, one, id)
    await served.send('DELETE', `/entities/uploads/${id}`, undefined, { key: one.key })
    expect(await refusal(await fetch(url))).toEqual([404, `File with ID ${id} not found`])
    expect((await refusal(await fetch(changed(url, { tenant: null }))))[0]).toBe(403)
  })
})

describe('a link of the second form', () => {
  const shown = async (name: string, query: string) => {
    const { id } = await upload(served, one, { name })
    const response = await fetch(await signedUrl(served, one, id, query))
    return [response.status, response.headers.get('content-type'), response.headers.get('content-disposition')?.replaceAll(id, 'ID')]
  }

  test.each([
    ['a.png', 'image/png', 'inline'],
    ['a.pdf', 'application/pdf', 'inline'],
    ['a.txt', 'text/plain', 'inline'],
    ['a.md', 'text/markdown', 'inline'],
    ['a.py', 'text/x-python', 'inline'],
    ['a.html', 'text/html', 'attachment'],
    ['a.svg', 'image/svg+xml', 'attachment'],
    ['a.js', 'text/javascript', 'attachment'],
    ['a.zip', 'application/zip', 'attachment'],
    ['a.mp4', 'video/mp4', 'attachment'],
  ])('serves %s as %s, %s', async (name, type, how) => {
    const rest = `; filename="${name}"; filename*=UTF-8''${name}`
    expect(await shown(name, '?use_real_filename=true')).toEqual([200, type, how + rest])
  })

  test('says the id where the name is not asked for, and spells names in every script', async () => {
    expect(await shown('a.png', '?expires_in=60')).toEqual([200, 'image/png', `inline; filename="ID"; filename*=UTF-8''ID`])
    expect(await shown('a.png', '?use_real_filename=False')).toEqual([200, 'image/png', `inline; filename="ID"; filename*=UTF-8''ID`])
    const name = "ü; x='y'.txt"
    const [, , header] = await shown(name, '?use_real_filename=1')
    expect(header).toBe(`inline; filename="_; x='y'.txt"; filename*=UTF-8''%C3%BC%3B%20x%3D%27y%27.txt`)
  })

  test('lives as long as it was asked to, at most seven days', async () => {
    const { id } = await upload(served, one)
    const lives = async (query: string) => Number((await signedUrl(served, one, id, query)).searchParams.get('expires')) - seconds()
    const expected: [string, number][] = [
      ['?use_real_filename=true', 600],
      ['?expires_in=5', 5],
      ['?expires_in=99999999', 7 * 24 * 3600],
    ]
    for (const [query, life] of expected) expect(Math.abs((await lives(query)) - life)).toBeLessThan(5)
    const refused = await served.send('GET', `/entities/uploads/${id}/signed-url?expires_in=0`, undefined, { key: one.key })
    expect(refused.status).toBe(422)
  })
})

describe('a server with one secret', () => {
  const SECRET = 'a secret of the operator'
  let own: Served
  let someone: Person
  beforeAll(async () => {
    const entities: Config['entities'] = { ...readConfig({}).config.entities, signedUrlSecret: SECRET, baseUrl: 'https://files.example' }
    own = await serve({}, { entities })
    someone = await person(own)
  }, SERVER_START_MS)
  afterAll(() => own.close())

  const sign = (message: string): string => createHmac('sha256', SECRET).update(message).digest('hex')
  const ask = (query: Record<string, string | number>): Promise<Response> => {
    const url = new URL('/entities/v1/files/download', own.url)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value))
    return fetch(url)
  }

  test('makes links that its old clients could check', async () => {
    const { id } = await upload(own, someone)
    const url = await signedUrl(own, someone, id)
    expect(url.href).toStartWith(`https://files.example/v1/files/download?file_id=${id}&`)
    expect([...url.searchParams.keys()]).toEqual(['file_id', 'expires', 'signature'])
    expect(url.searchParams.get('signature')).toBe(sign(`${id}:${url.searchParams.get('expires')}`))
    const second = await signedUrl(own, someone, id, '?use_real_filename=true')
    expect(second.searchParams.get('signature')).toBe(sign(`${id}:${second.searchParams.get('expires')}:True`))
  })

  test('takes links that were made elsewhere with it, in both forms', async () => {
    const { id } = await upload(own, someone, { name: 'a.txt' })
    const expires = seconds() + 100
    expect((await ask({ file_id: id, expires, signature: sign(`${id}:${expires}`) })).status).toBe(200)
    for (const [flag, word] of [
      ['true', 'True'],
      ['false', 'False'],
    ] as const) {
      const query = { file_id: id, expires, use_real_filename: flag, signature: sign(`${id}:${expires}:${word}`) }
      expect((await ask(query)).headers.get('content-disposition')).toStartWith('inline; filename=')
    }
  })

  test('tells an old link from a false one, each form in its order', async () => {
    const { id } = await upload(own, someone)
    const expires = seconds() - 2
    const old = { file_id: id, expires }
    expect(await refusal(await ask({ ...old, signature: sign(`${id}:${expires}`) }))).toEqual([410, 'URL has expired'])
    expect(await refusal(await ask({ ...old, signature: 'false' }))).toEqual([403, 'Invalid signature'])
    const second = { ...old, use_real_filename: 'true' }
    expect(await refusal(await ask({ ...second, signature: sign(`${id}:${expires}:True`) }))).toEqual([400, 'Signed URL has expired'])
    expect(await refusal(await ask({ ...second, signature: 'false' }))).toEqual([400, 'Signed URL has expired'])
    expect((await refusal(await ask({ ...second, expires: seconds() + 9, signature: 'false' })))[0]).toBe(403)
  })

  test('says that the file of a good link is missing', async () => {
    const [id, expires] = ['file_0000000000000000000000', seconds() + 100]
    expect(await refusal(await ask({ file_id: id, expires, signature: sign(`${id}:${expires}`) }))).toEqual([
      404,
      `File with ID ${id} not found`,
    ])
    const query = { file_id: id, expires, use_real_filename: 'false', signature: sign(`${id}:${expires}:False`) }
    expect(await refusal(await ask(query))).toEqual([404, 'File not found'])
  })

  test('elsewhere links begin where clients reach the server', async () => {
    const beside = await serve({}, { beside: own, http: { publicUrl: 'https://agents.example/x' } })
    try {
      const { id } = await upload(beside, someone)
      const url = await signedUrl(beside, someone, id)
      expect(url.href).toStartWith(`https://agents.example/x/entities/v1/files/download?file_id=${id}&`)
      expect((await fetch(`${beside.url}/entities/v1/files/download${url.search}`)).status).toBe(200)
    } finally {
      await beside.close()
    }
  })
})
