import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Files } from '../../../src/drivers/files/port.ts'
import { type FilesGround, faultOf, newKey, once, PLENTY } from './files.contract.ts'

/** Signed links of one adapter, asked for with real requests. */
export function linksContract(open: () => Promise<FilesGround>): void {
  let ground: FilesGround
  let files: Files
  beforeAll(async () => {
    ground = await open()
    files = ground.files
  }, 120_000)
  afterAll(() => ground?.close())

  const text = async (key: { tenantId: string; id: string }) => new Response(await files.read(key)).text()
  const soon = () => Date.now() + 60_000
  const put = async (url: string, body: string, type: string, method = 'PUT') =>
    (await fetch(url, { method, body, headers: { 'content-type': type } })).status

  test('a GET answers with the object, its type and its name', async () => {
    const key = newKey()
    await files.put(key, once('hello'), PLENTY)
    const url = await ground.sign({ key, method: 'GET', expiresAt: soon(), type: 'text/plain', filename: 'Grüße "1".txt' })
    const answer = await fetch(url)
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([200, 'text/plain', 'hello'])
    expect(answer.headers.get('content-disposition')).toMatch(
      /^attachment; filename="Gr_*e _1_\.txt"; filename\*=UTF-8''Gr%C3%BC%C3%9Fe%20%221%22\.txt$/,
    )
  })

  test('a GET answers with a range', async () => {
    const key = newKey()
    await files.put(key, once('0123456789'), PLENTY)
    const url = await ground.sign({ key, method: 'GET', expiresAt: soon(), type: 'text/plain' })
    const answer = await fetch(url, { headers: { range: 'bytes=2-4' } })
    expect([answer.status, await answer.text()]).toEqual([206, '234'])
  })

  test('a PUT makes the object', async () => {
    const key = newKey()
    const url = await ground.sign({ key, method: 'PUT', expiresAt: soon(), type: 'text/csv', bytes: 5 })
    expect(await put(url, 'a,b,c', 'text/csv')).toBe(200)
    expect(await text(key)).toBe('a,b,c')
  })

  test('a PUT of another size or type is refused and leaves nothing', async () => {
    const key = newKey()
    const url = await ground.sign({ key, method: 'PUT', expiresAt: soon(), type: 'text/csv', bytes: 5 })
    expect([await put(url, 'a,b,cd', 'text/csv'), await put(url, 'a,b', 'text/csv'), await put(url, 'a,b,c', 'text/html')]).toEqual([
      403, 403, 403,
    ])
    expect(await faultOf(files.size(key))).toBe('not_found')
  })

  test('a link serves its own method only', async () => {
    const [key, other] = [newKey(), newKey()]
    await files.put(key, once('hello'), PLENTY)
    const get = await ground.sign({ key, method: 'GET', expiresAt: soon(), type: 'text/plain' })
    const putting = await ground.sign({ key: other, method: 'PUT', expiresAt: soon(), type: 'text/plain', bytes: 5 })
    expect([await put(get, 'world', 'text/plain'), (await fetch(get, { method: 'DELETE' })).status]).toEqual([403, 403])
    expect([(await fetch(putting)).status, await put(putting, 'world', 'text/plain', 'POST')].every((status) => status >= 400)).toBe(true)
    expect([await text(key), await faultOf(files.size(other))]).toEqual(['hello', 'not_found'])
  })

  test('a link that expired is refused', async () => {
    const key = newKey()
    await files.put(key, once('hello'), PLENTY)
    const url = await ground.sign({ key, method: 'GET', expiresAt: Date.now() - 2000, type: 'text/plain' })
    expect((await fetch(url)).status).toBe(403)
  })

  test('a link that was changed anywhere is refused', async () => {
    const [key, other, twin] = [newKey(), newKey(), newKey()]
    twin.id = key.id
    for (const one of [key, other, twin]) await files.put(one, once('hello'), PLENTY)
    const get = await ground.sign({ key, method: 'GET', expiresAt: soon(), type: 'text/plain', filename: 'a.txt' })
    expect((await fetch(get)).status).toBe(200)
    const target = newKey()
    const putting = await ground.sign({ key: target, method: 'PUT', expiresAt: soon(), type: 'text/plain', bytes: 5 })
    const changed = [...variants(get), get.replace(key.id, other.id), get.replace(key.tenantId, twin.tenantId)]
    for (const url of changed) expect([url, (await fetch(url)).status >= 400]).toEqual([url, true])
    for (const url of variants(putting)) expect([url, (await put(url, 'hello', 'text/plain')) >= 400]).toEqual([url, true])
    expect(await faultOf(files.size(target))).toBe('not_found')
  })
}

/** The same link with each of its parameters changed, missing, or given twice. */
function variants(url: string): string[] {
  const names = [...new URL(url).searchParams.keys()]
  return names.flatMap((name) => {
    const [changed, missing, twice] = [new URL(url), new URL(url), new URL(url)]
    const value = changed.searchParams.get(name) ?? ''
    const last = value.at(-1) ?? ''
    changed.searchParams.set(name, value.slice(0, -1) + (/\d/.test(last) ? String((Number(last) + 1) % 10) : last === 'x' ? 'y' : 'x'))
    missing.searchParams.delete(name)
    twice.searchParams.append(name, 'x')
    return [changed.href, missing.href, twice.href]
  })
}
