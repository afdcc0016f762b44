import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import type { JsonObject } from '../../../src/core/json.ts'
import { Calls } from '../../support/calls.ts'
import { eventually } from '../../support/eventually.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'
import { type Person, person, post, refusal, text, upload } from './upload-kit.ts'

const FILE_BYTES_MAX = 8_000_000

let served: Served
let one: Person
let other: Person
beforeAll(async () => {
  served = await serve({}, { files: { bytesMax: FILE_BYTES_MAX }, http: { bodyIdleMs: 2000 } })
  one = await person(served)
  other = await person(served)
}, SERVER_START_MS)
afterAll(() => served.close())

const get = (path: string, key = one.key, headers: Record<string, string> = {}) =>
  served.send('GET', `/entities/v1/uploads/${path}`, undefined, { key, headers })

const kept = async (): Promise<number> => (await served.app.db.query("select 1 from file_object where state = 'kept'")).length
const writing = async (): Promise<number> => (await served.app.db.query("select 1 from file_object where state = 'writing'")).length

describe('an uploaded file', () => {
  test('is shown as the contract has it, bare and under /v1', async () => {
    const file = await upload(served, one, { name: '../ü.md', purpose: 'my own word' })
    expect(file).toEqual({
      ...{ id: expect.stringMatching(/^file_[A-Za-z0-9]{22}$/), object: 'file', bytes: 5, created_at: expect.any(Number) },
      ...{ filename: 'ü.md', purpose: 'my own word', status: 'uploaded', expires_at: null },
    })
    for (const prefix of ['/entities', '/entities/v1']) {
      const response = await served.send('GET', `${prefix}/uploads/${file.id}`, undefined, { key: one.key })
      expect([response.status, await response.json()]).toEqual([200, file])
    }
  })

  test('may come before the fields of its form', async () => {
    const response = await post(served, one.key, [
      ['file', text('x')],
      ['user_id', one.id],
      ['purpose', 'assistants'],
    ])
    expect([response.status, ((await response.json()) as JsonObject).filename]).toEqual([201, 'a.txt'])
  })

  test('is there once for a request that is repeated', async () => {
    const headers = { 'idempotency-key': 'upload-1' }
    const first = await upload(served, one, { headers })
    const before = await kept()
    expect(await upload(served, one, { headers })).toEqual(first)
    expect(await kept()).toBe(before)
    const changed = await post(
      served,
      one.key,
      [
        ['purpose', 'assistants'],
        ['user_id', one.id],
        ['file', text('other')],
      ],
      headers,
    )
    expect((await refusal(changed))[0]).toBe(422)
  })

  test('has its content as bytes and as base64', async () => {
    const content = crypto.getRandomValues(new Uint8Array(3_000_001 % 65_536))
    const { id } = await upload(served, one, { name: 'a.pdf', content })
    const object = await get(`${id}/object`)
    expect([object.headers.get('content-type'), object.headers.get('content-disposition')]).toEqual(['application/octet-stream', null])
    expect(Buffer.from(await object.arrayBuffer()).equals(content)).toBe(true)
    const base64 = await get(`${id}/base64`)
    expect(base64.headers.get('content-type')).toBe('application/json')
    expect(await base64.json()).toEqual({ file_id: id, base64: Buffer.from(content).toString('base64') })
    const part = await get(`${id}/object`, one.key, { range: 'bytes=1-4' })
    expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, Buffer.from(content.slice(1, 5))])
  })

  test.each([0, 1, 2, 3, 262_143, 262_144, 262_145, 5_000_000])('of %d bytes survives base64', async (bytes) => {
    const content = new Uint8Array(bytes).map((_, i) => (i * 31) % 251)
    const { id } = await upload(served, one, { content })
    const { base64 } = (await (await get(`${id}/base64`)).json()) as { base64: string }
    expect(Buffer.from(base64, 'base64').equals(content)).toBe(true)
    expect(base64.length).toBe(Math.ceil(bytes / 3) * 4)
  })

  test('is gone once it is deleted, and its owner with it', async () => {
    const { id } = await upload(served, one)
    const owners = async () => (await served.app.db.query("select 1 from ownership where kind = 'file'")).length
    const before = await owners()
    const deleted = await served.send('DELETE', `/entities/v1/uploads/${id}`, undefined, { key: one.key })
    expect([deleted.status, await deleted.json()]).toEqual([200, { deleted: true }])
    expect(await owners()).toBe(before - 1)
    for (const path of ['', '/object', '/base64', '/signed-url'])
      expect(await refusal(await get(id + path))).toEqual([404, `File with ID ${id} not found`])
    const again = await served.send('DELETE', `/entities/v1/uploads/${id}`, undefined, { key: one.key })
    expect(await refusal(again)).toEqual([404, `File with ID ${id} not found`])
  })
})

describe('whose a file is', () => {
  test('another user and another tenant find nothing', async () => {
    const { id } = await upload(served, one)
    const stranger = await person(served, 'two')
    for (const key of [other.key, stranger.key, served.otherKey]) {
      for (const path of ['', '/object', '/base64', '/signed-url'])
        expect(await refusal(await get(id + path, key))).toEqual([404, `File with ID ${id} not found`])
      const deleted = await served.send('DELETE', `/entities/v1/uploads/${id}`, undefined, { key })
      expect(deleted.status).toBe(404)
    }
    expect((await get(id)).status).toBe(200)
    expect((await get(id, served.key)).status).toBe(200)
  })

  test('a user uploads for nobody else', async () => {
    const before = await kept()
    const response = await post(served, one.key, [
      ['purpose', 'assistants'],
      ['user_id', other.id],
      ['file', text('x')],
    ])
    expect(await refusal(response)).toEqual([403, 'Not authorized to upload files for this user.'])
    const behind = await post(served, one.key, [
      ['file', text('x')],
      ['purpose', 'assistants'],
      ['user_id', other.id],
    ])
    expect((await refusal(behind))[0]).toBe(403)
    expect(await kept()).toBe(before)
    await eventually(async () => ((await writing()) === 0 ? true : undefined))
  })

  test('what a key of the tenant uploads for a user is that user’s', async () => {
    const { id } = await upload(served, one, { key: served.key })
    expect((await get(id)).status).toBe(200)
    expect((await get(id, other.key)).status).toBe(404)
  })

  test('a user that is not there is not found, of another tenant too', async () => {
    const stranger = await person(served, 'two')
    for (const id of ['user_0000000000000000000000', 'nobody', stranger.id]) {
      const response = await post(served, served.key, [
        ['purpose', 'assistants'],
        ['user_id', id],
        ['file', text('x')],
      ])
      expect(await refusal(response)).toEqual([404, 'User not found'])
    }
  })

  test('files of the OpenAI surface show to keys of the tenant only', async () => {
    const fileId = await new Calls(served).file('some text', 'notes.txt')
    const shown = (await (await get(fileId, served.key)).json()) as JsonObject
    expect(shown).toMatchObject({ filename: 'notes.txt', purpose: 'assistants', status: 'uploaded' })
    expect((await get(fileId)).status).toBe(404)
    const mine = await upload(served, one, { purpose: 'anything' })
    const spelled = await served.send('GET', `/v1/files/${mine.id.replace('file_', 'file-')}`, undefined, { key: served.key })
    expect(((await spelled.json()) as JsonObject).purpose).toBe('user_data')
  })

  test('no key, no file', async () => {
    const { id } = await upload(served, one)
    const response = await served.send('GET', `/entities/v1/uploads/${id}`, undefined, { key: null })
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'APIKey'])
  })
})

describe('the type', () => {
  test.each([
    ['a.ts', 'video/mp2t'],
    ['a.ts', 'text/plain'],
    ['a.wav', 'audio/x-wav'],
    ['a.gz', 'application/x-gzip'],
    ['a.txt', 'text/plain; charset=utf-8'],
    ['a.txt', 'application/octet-stream'],
    ['A.PDF', 'APPLICATION/PDF'],
    ['a.csv', 'application/vnd.ms-excel'],
    ['a.php', 'application/x-httpd-php'],
    ['a.ogg', 'video/ogg'],
  ])('of %s may be %s', async (name, type) => {
    expect((await upload(served, one, { name, type })).filename).toBe(name)
  })

  test.each([
    ['a.txt', 'image/png', 'expected text/plain, got image/png'],
    ['a.png', 'text/html', 'expected image/png, got text/html'],
    ['a.pdf', 'text/plain', 'expected application/pdf, got text/plain'],
    ['a.mp3', 'application/zip', 'expected audio/mpeg, got application/zip'],
  ])('of %s is not %s', async (name, type, words) => {
    const response = await post(served, one.key, [
      ['purpose', 'x'],
      ['user_id', one.id],
      ['file', text('x', name, type)],
    ])
    expect(await refusal(response)).toEqual([400, `Content type mismatch: ${words}`])
  })

  test.each([
    ['a.exe', '.exe'],
    ['passwd', ''],
    ['.bashrc', ''],
    ['a.txt/../passwd', ''],
    ['a.', '.'],
  ])('of %s is unknown', async (name, extension) => {
    const before = await kept()
    const response = await post(served, one.key, [
      ['purpose', 'x'],
      ['user_id', one.id],
      ['file', text('x', name)],
    ])
    const [status, detail] = await refusal(response)
    expect([status, String(detail).startsWith(`Unsupported file type: ${extension}. Supported types: ['.c', '.cpp', `)]).toEqual([
      400,
      true,
    ])
    expect(await kept()).toBe(before)
  })
})

describe('a form that is wrong', () => {
  const missing = (field: string) => ({ type: 'missing', loc: ['body', field], msg: 'Field required' })
  test.each<[what: string, parts: () => [string, string | File][], detail: object]>([
    [
      'no file',
      () => [
        ['purpose', 'x'],
        ['user_id', one.id],
      ],
      missing('file'),
    ],
    [
      'a file of another name',
      () => [
        ['purpose', 'x'],
        ['user_id', one.id],
        ['data', text('x')],
      ],
      missing('file'),
    ],
    [
      'no purpose',
      () => [
        ['user_id', one.id],
        ['file', text('x')],
      ],
      missing('purpose'),
    ],
    [
      'an empty user',
      () => [
        ['purpose', 'x'],
        ['user_id', ''],
        ['file', text('x')],
      ],
      missing('user_id'),
    ],
    [
      'a long purpose',
      () => [
        ['purpose', 'x'.repeat(65)],
        ['user_id', one.id],
        ['file', text('x')],
      ],
      { type: 'string_too_long', loc: ['body', 'purpose'] },
    ],
    [
      'a text as the file',
      () => [
        ['purpose', 'x'],
        ['user_id', one.id],
        ['file', 'x'],
      ],
      { type: 'value_error', loc: ['body', 'file'] },
    ],
  ])('is told by name: %s', async (_what, parts, detail) => {
    const response = await post(served, one.key, parts())
    const [status, found] = await refusal(response)
    expect([status, found]).toEqual([422, [expect.objectContaining(detail)]])
    await eventually(async () => ((await writing()) === 0 ? true : undefined))
  })

  test('fields nobody knows are left alone', async () => {
    const response = await post(served, one.key, [
      ['colour', 'red'],
      ['purpose', 'x'],
      ['user_id', one.id],
      ['file', text('x')],
    ])
    expect(response.status).toBe(201)
  })

  test('JSON is no form', async () => {
    const response = await served.send('POST', '/entities/v1/uploads', { purpose: 'x' }, { key: one.key })
    expect(response.status).toBe(422)
  })

  test('a file past the limit is refused with 413, and nothing of it stays', async () => {
    const before = await kept()
    const response = await post(served, one.key, [
      ['purpose', 'x'],
      ['user_id', one.id],
      ['file', text('x'.repeat(FILE_BYTES_MAX + 1))],
    ])
    expect(await refusal(response)).toEqual([413, `The file is larger than ${FILE_BYTES_MAX} bytes.`])
    expect(await kept()).toBe(before)
    await eventually(async () => ((await writing()) === 0 ? true : undefined))
  })
})

describe('names', () => {
  test.each([
    ['../../../../etc/cron.d/x.txt', 'x.txt'],
    ['..\\..\\windows\\x.txt', 'x.txt'],
    ['/etc/x.txt', 'x.txt'],
    ['C:x.txt', 'C:x.txt'],
    ['%2e%2e%2fx.txt', '%2e%2e%2fx.txt'],
    ['ü 日本.txt', 'ü 日本.txt'],
  ])('%s is kept as %s and never becomes a path', async (name, shown) => {
    const { id, filename } = await upload(served, one, { name, content: 'as it was' })
    expect(filename).toBe(shown)
    expect(await (await get(`${id}/object`)).text()).toBe('as it was')
  })

  test('one name of two users at once is two files', async () => {
    const people = [one, other, one, other]
    const files = await Promise.all(people.map((who, i) => upload(served, who, { name: 'same.txt', content: `content ${i}` })))
    expect(new Set(files.map(({ id }) => id)).size).toBe(4)
    for (const [i, { id }] of files.entries()) expect(await (await get(`${id}/object`, people[i]?.key)).text()).toBe(`content ${i}`)
  })

  test('control characters cannot get into a header', async () => {
    // FormData escapes them: so does nobody who means harm.
    const body = [
      ...[
        '--BB',
        'content-disposition: form-data; name="purpose"',
        '',
        'x',
        '--BB',
        'content-disposition: form-data; name="user_id"',
        '',
        one.id,
      ],
      ...['--BB', 'content-disposition: form-data; name="file"; filename*=UTF-8\'\'a%0d%0aset-cookie:x=1.txt', '', 'hello', '--BB--', ''],
    ].join('\r\n')
    const response = await raw(body, 'multipart/form-data; boundary=BB')
    expect((await refusal(response))[0]).toBe(422)
  })
})

const raw = (body: string, type: string, key = one.key): Promise<Response> =>
  fetch(`${served.url}/entities/v1/uploads`, { method: 'POST', body, headers: { 'content-type': type, 'x-api-key': key } })

describe('a form that is called JSON, as an SDK does', () => {
  const form = (boundary: string, content: string) =>
    [
      ...[`--${boundary}`, 'Content-Disposition: form-data; name="purpose"', '', 'assistants'],
      ...[`--${boundary}`, 'Content-Disposition: form-data; name="user_id"', '', one.id],
      ...[`--${boundary}`, 'Content-Disposition: form-data; name="file"; filename="a.txt"', 'Content-Type: text/plain', '', content],
      ...[`--${boundary}--`, ''],
    ].join('\r\n')

  test('arrives', async () => {
    const response = await raw(form('5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c', 'hello'), 'application/json')
    const file = (await response.json()) as JsonObject
    expect([response.status, file.bytes]).toEqual([201, 5])
    expect(await (await get(`${file.id}/object`)).text()).toBe('hello')
  })

  test('arrives also when its first line comes in pieces', async () => {
    const body = form('----piece.by.piece', 'x'.repeat(100_000))
    const { hostname, port } = new URL(served.url)
    const socket = connect(Number(port), hostname)
    let said = ''
    socket.on('data', (data) => {
      said += String(data)
    })
    const head = `POST /entities/uploads HTTP/1.1\r\nhost: x\r\nx-api-key: ${one.key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
    for (const piece of [head, body.slice(0, 1), body.slice(1, 9), body.slice(9, 25), body.slice(25)]) {
      await new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve)))
    }
    await eventually(async () => (said.includes('"bytes":100000') ? true : undefined))
    expect(said).toStartWith('HTTP/1.1 201')
    socket.destroy()
  })

  test('needs its key like any other', async () => {
    const response = await raw(form('BB', 'hello'), 'application/json', 'ea_not-a-key-of-anybody')
    expect([401, 422]).toContain(response.status)
  })
})
