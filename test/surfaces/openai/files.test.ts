import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { JsonObject } from '../../../src/core/json.ts'
import { Calls } from '../../support/calls.ts'
import { eventually } from '../../support/eventually.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

const FILE_BYTES_MAX = 100_000

let served: Served
let calls: Calls
beforeAll(async () => {
  served = await serve({}, { http: { bodyIdleMs: 500 }, files: { bytesMax: FILE_BYTES_MAX } })
  calls = new Calls(served)
}, SERVER_START_MS)
afterAll(() => served.close())

type Part = [name: string, value: string | File]
const formOf = (...parts: Part[]): FormData => {
  const form = new FormData()
  for (const [name, value] of parts) form.append(name, value)
  return form
}
const text = (content: string, name = 'a.txt'): File => new File([content], name)
const PURPOSE: Part = ['purpose', 'assistants']

const upload = (...parts: Part[]): Promise<JsonObject> => calls.ok('POST', '/v1/files', formOf(...parts))

async function refused(...parts: Part[]): Promise<JsonObject> {
  const response = await served.send('POST', '/v1/files', formOf(...parts))
  return { status: response.status, ...((await response.json()) as { error: JsonObject }).error }
}

const countObjects = async (): Promise<number> => (await served.app.db.query("select 1 from file_object where state = 'kept'")).length
const countWriting = async (): Promise<number> => (await served.app.db.query("select 1 from file_object where state = 'writing'")).length

describe('an uploaded file', () => {
  test('is shown as the contract has it, whatever came first', async () => {
    for (const parts of [
      [PURPOSE, ['file', text('hello', '../ü.md')]],
      [['file', text('hello', 'C:\\x\\ü.md')], PURPOSE],
    ] as Part[][]) {
      const file = await upload(...parts)
      expect(file).toEqual({
        ...{ id: expect.stringMatching(/^file-[0-9a-f]{32}$/), object: 'file', bytes: 5, created_at: expect.any(Number) },
        ...{ filename: 'ü.md', purpose: 'assistants', status: 'processed' },
      })
      expect(await calls.ok('GET', `/v1/files/${file.id}`)).toEqual(file)
    }
  })

  test('expires when it was told to', async () => {
    const file = await upload(PURPOSE, ['file', text('x')], ['expires_after[anchor]', 'created_at'], ['expires_after[seconds]', '3600'])
    expect(Number(file.expires_at) - Number(file.created_at)).toBe(3600)
    const batch = await upload(['purpose', 'batch'], ['file', text('{}', 'b.jsonl')])
    expect(Number(batch.expires_at) - Number(batch.created_at)).toBe(30 * 24 * 3600)
  })

  test('is downloaded to be saved, whole or in part', async () => {
    const { id } = await upload(PURPOSE, ['file', text('<script>hello</script>', 'ü "1".html')])
    const whole = await served.send('GET', `/v1/files/${id}/content`)
    expect([whole.status, await whole.text()]).toEqual([200, '<script>hello</script>'])
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '22',
      'content-disposition': expect.stringMatching(/^attachment; filename="_ .+"; filename\*=UTF-8''%C3%BC/),
      'x-content-type-options': 'nosniff',
      'openai-version': '2020-10-01',
    })
    const part = await served.send('GET', `/v1/files/${id}/content`, undefined, { headers: { range: 'bytes=8-12' } })
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 8-12/22', 'hello'])
    const behind = await served.send('GET', `/v1/files/${id}/content`, undefined, { headers: { range: 'bytes=22-' } })
    expect([behind.status, behind.headers.get('content-range')]).toEqual([416, 'bytes */22'])
  })

  test('is gone once it is deleted', async () => {
    const { id } = await upload(PURPOSE, ['file', text('x')])
    expect(await calls.ok('DELETE', `/v1/files/${id}`)).toEqual({ id: id ?? null, object: 'file', deleted: true })
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/content'],
    ] as const) {
      const response = await served.send(method, `/v1/files/${id}${path}`)
      expect([response.status, await response.json()]).toEqual([
        404,
        { error: { message: `No such File object: ${id}`, type: 'invalid_request_error', param: 'id', code: null } },
      ])
    }
  })

  test('may hold a megabyte and more, and arrives as it was', async () => {
    const big = await serve({}, { files: { bytesMax: 10_000_000 } })
    try {
      const bytes = crypto.getRandomValues(new Uint8Array(60_000))
      const content = new Uint8Array(5_400_000).map((_, i) => bytes[i % 60_000] ?? 0)
      const file = await new Calls(big).ok('POST', '/v1/files', formOf(PURPOSE, ['file', new File([content], 'a.bin')]))
      const sum = (data: ArrayBuffer | Uint8Array) => new Bun.CryptoHasher('sha256').update(data).digest('hex')
      const response = await big.send('GET', `/v1/files/${file.id}/content`)
      expect(sum(await response.arrayBuffer())).toBe(sum(content))
    } finally {
      await big.close()
    }
  })
})

describe('lists', () => {
  test('go from the newest on, continue behind an id, and filter by purpose', async () => {
    const key = await served.newKey('a tenant with few files')
    const own = new Calls(served, { key })
    const ids: string[] = []
    for (const purpose of ['assistants', 'vision', 'assistants', 'evals'])
      ids.push(String((await own.ok('POST', '/v1/files', formOf(['purpose', purpose], ['file', text('x')]))).id))
    const list = async (query = '') => {
      const { data, has_more, first_id, last_id } = await own.ok('GET', `/v1/files${query}`)
      const found = (data as JsonObject[]).map(({ id }) => String(id))
      expect([first_id, last_id]).toEqual([found[0] ?? null, found.at(-1) ?? null])
      return [found.map((id) => ids.indexOf(id)), has_more]
    }
    expect(await list()).toEqual([[3, 2, 1, 0], false])
    expect(await list('?limit=2&order=asc')).toEqual([[0, 1], true])
    expect(await list(`?order=asc&after=${ids[1]}`)).toEqual([[2, 3], false])
    expect(await list('?purpose=assistants')).toEqual([[2, 0], false])
    expect(await list('?purpose=batch_output')).toEqual([[], false])
  })

  test.each([
    ['limit=10001', 'integer_above_max_value', 'limit'],
    ['limit=0', 'integer_below_min_value', 'limit'],
    ['before=file-x', 'unknown_parameter', 'before'],
    ['purpose=secrets', 'invalid_value', 'purpose'],
    ['after=foo', 'invalid_value', 'after'],
    [`after=file-${'0'.repeat(32)}`, 'invalid_value', 'after'],
  ])('%s is refused', async (query, code, param) => {
    const response = await served.send('GET', `/v1/files?${query}`)
    const { error } = (await response.json()) as { error: JsonObject }
    expect([response.status, error.code, error.param]).toEqual([400, code, param])
  })
})

describe('a form that is wrong', () => {
  const FILE: Part = ['file', text('hello')]
  test.each<[what: string, parts: Part[], param: string | null, code: string | null, message: string]>([
    ['without a file', [PURPOSE], 'file', 'missing_required_parameter', "Missing required parameter: 'file'."],
    ['without a purpose', [FILE], 'purpose', 'missing_required_parameter', "Missing required parameter: 'purpose'."],
    ['with an unknown field', [FILE, PURPOSE, ['colour', 'red']], 'colour', 'unknown_parameter', "Unknown parameter: 'colour'."],
    ['with a file of another name', [PURPOSE, ['data', text('x')]], 'data', 'unknown_parameter', "Unknown parameter: 'data'."],
    [
      'with a text for a file',
      [PURPOSE, ['file', 'text']],
      'file',
      'invalid_type',
      "Invalid type for 'file': expected a file, but got a string instead.",
    ],
    [
      'with a file for a text',
      [['purpose', text('x')]],
      'purpose',
      'invalid_type',
      "Invalid type for 'purpose': expected a string, but got a file instead.",
    ],
    [
      'with a purpose that none may have',
      [['purpose', 'assistants_output'], FILE],
      'purpose',
      'invalid_value',
      "Invalid value: 'assistants_output'. Supported values are:",
    ],
    ['with two files', [PURPOSE, FILE, FILE], 'file', 'invalid_value', "Invalid 'file': it was given more than once."],
    ['with two purposes', [PURPOSE, PURPOSE, FILE], 'purpose', 'invalid_value', "Invalid 'purpose': it was given more than once."],
    [
      'with a lifetime that is no number',
      [PURPOSE, FILE, ['expires_after[anchor]', 'created_at'], ['expires_after[seconds]', 'soon']],
      'expires_after.seconds',
      'invalid_type',
      "Invalid type for 'expires_after.seconds': expected an integer",
    ],
    [
      'with a lifetime that is too short',
      [PURPOSE, FILE, ['expires_after[anchor]', 'created_at'], ['expires_after[seconds]', '60']],
      'expires_after.seconds',
      'integer_below_min_value',
      'Expected a value >= 3600',
    ],
    [
      'with half of a lifetime',
      [PURPOSE, FILE, ['expires_after[seconds]', '3600']],
      'expires_after.anchor',
      'missing_required_parameter',
      "Missing required parameter: 'expires_after.anchor'.",
    ],
    [
      'with a lifetime twice',
      [PURPOSE, FILE, ['expires_after', 'x'], ['expires_after[seconds]', '3600']],
      'expires_after',
      'invalid_value',
      'more than once',
    ],
    [
      'with a field of a field of no object',
      [PURPOSE, FILE, ['__proto__[seconds]', '1']],
      '__proto__',
      'unknown_parameter',
      "Unknown parameter: '__proto__'.",
    ],
    [
      'with a name that is only folders',
      [PURPOSE, ['file', text('x', '../..')]],
      'file',
      'invalid_value',
      "Invalid 'file': the file has no name.",
    ],
    [
      'with a name that is too long',
      [PURPOSE, ['file', text('x', 'x'.repeat(300))]],
      'file',
      'string_above_max_length',
      'file name too long',
    ],
  ])('%s is refused and leaves nothing', async (_, parts, param, code, message) => {
    const before = await countObjects()
    expect(await refused(...parts)).toEqual({
      ...{ status: 400, type: 'invalid_request_error' },
      ...{ message: expect.stringContaining(message), param, code },
    })
    expect([await countObjects(), await countWriting()]).toEqual([before, 0])
  })

  test('a body that is no form is refused', async () => {
    const response = await served.send('POST', '/v1/files', { file: 'x', purpose: 'assistants' })
    const { error } = (await response.json()) as { error: JsonObject }
    expect([response.status, error.message]).toEqual([400, "Invalid 'Content-Type': expected 'multipart/form-data'."])
  })

  test('a file that is too large is refused with 413 and leaves nothing', async () => {
    const before = await countObjects()
    const large = await refused(PURPOSE, ['file', text('x'.repeat(FILE_BYTES_MAX + 1))])
    expect(large).toMatchObject({ status: 413, code: 'request_too_large', message: expect.stringContaining(String(FILE_BYTES_MAX)) })
    expect((await upload(PURPOSE, ['file', text('x'.repeat(FILE_BYTES_MAX))])).bytes).toBe(FILE_BYTES_MAX)
    expect([await countObjects(), await countWriting()]).toEqual([before + 1, 0])
  })

  test('nothing is read of what an unknown or read-only caller sends', async () => {
    const before = (await served.app.db.query('select 1 from file_object')).length
    const reader = await served.newKey('one', { scopes: ['read'] })
    for (const [key, status] of [
      [null, 401],
      ['wrong', 401],
      [reader, 403],
    ] as const) {
      const response = await served.send('POST', '/v1/files', formOf(PURPOSE, ['file', text('x'.repeat(90_000))]), { key })
      expect(response.status).toBe(status)
    }
    expect((await served.app.db.query('select 1 from file_object')).length).toBe(before)
  })
})

/** No other program makes a file of this name. */
const TOKEN = `escaped-${crypto.randomUUID()}`
const HOSTILE = [
  ...[
    `../${TOKEN}`,
    `../../../../tmp/${TOKEN}`,
    `/etc/cron.d/${TOKEN}`,
    '..\\\\..\\\\x',
    'C:\\\\x',
    '\\\\\\\\host\\\\share',
    '.',
    '..',
    '...',
    '/',
    `~/${TOKEN}`,
    '$(id)',
    '`id`',
    '|x',
    '-rf',
  ],
  ...[
    'CON',
    'NUL.txt',
    'aux',
    'COM1',
    'x.part',
    '.htaccess',
    'a\u0000b',
    '\u0000',
    'a\u0000/../b',
    '\u202egnp.exe',
    '\ufeff',
    'x'.repeat(300),
    'ü'.repeat(200),
    '%2e%2e%2fx',
  ],
  ...[
    '%00',
    'a%0d%0ab',
    'x;y=z',
    '{{7*7}}',
    "'; drop table file; --",
    '<script>',
    '\ud83e\udd8a',
    'a/b/c/../../..',
    'a\\u0000',
    ' ',
    '\t',
    '\u2028',
  ],
]

test('no name reaches the disk, whatever it is', async () => {
  const dir = served.app.config.data.dir
  for (const name of HOSTILE) {
    const body = `--BB\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--BB\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\n\r\nx\r\n--BB--\r\n`
    const headers = { authorization: `Bearer ${served.key}`, 'content-type': 'multipart/form-data; boundary=BB' }
    const response = await fetch(`${served.url}/v1/files`, { method: 'POST', headers, body })
    const answer = (await response.json()) as JsonObject
    if (response.status === 200) expect(String(answer.filename)).not.toMatch(/[/\\\u0000-\u001f]/)
    else expect([name, response.status, answer]).toMatchObject([name, 400, { error: { type: 'invalid_request_error' } }])
  }
  const names = readdirSync(dir, { recursive: true, withFileTypes: true }).map((entry) => entry.name)
  expect(names.filter((name) => !/^(?:files|[0-9a-f]{2}|[0-9a-f-]{36})$/.test(name))).toEqual([])
  // One step up from the data folder: what `../` would have made there.
  expect(readdirSync(dirname(dir)).filter((name) => name.includes(TOKEN))).toEqual([])
})

const half = 'x'.repeat(5000)

/** Sends the beginning of an upload and leaves it at that. */
async function begin(): Promise<{ got(): string; leave(): void }> {
  const { hostname, port } = new URL(served.url)
  const socket = connect(Number(port), hostname)
  let got = ''
  socket.on('data', (bytes) => {
    got += bytes.toString()
  })
  socket.on('error', () => undefined)
  await new Promise<void>((resolve) => socket.on('connect', () => resolve()))
  const head = [`POST /v1/files HTTP/1.1`, 'host: x', `authorization: Bearer ${served.key}`, 'content-length: 90000']
  socket.write(`${head.join('\r\n')}\r\ncontent-type: multipart/form-data; boundary=BB\r\n\r\n`)
  socket.write('--BB\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n')
  socket.write(`--BB\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n${half}`)
  await eventually(async () => ((await countWriting()) > 0 ? true : undefined))
  return { got: () => got, leave: () => socket.destroy() }
}

test('a client that breaks off leaves nothing', async () => {
  const before = await countObjects()
  const sender = await begin()
  sender.leave()
  await eventually(async () => ((await countWriting()) === 0 ? true : undefined))
  expect(await countObjects()).toBe(before)
})

test('a client that stops sending is answered, and leaves nothing', async () => {
  const sender = await begin()
  await eventually(() => (sender.got().includes('stopped arriving') ? true : undefined))
  expect(sender.got()).toStartWith('HTTP/1.1 400')
  await eventually(async () => ((await countWriting()) === 0 ? true : undefined))
  sender.leave()
})

test('the same upload with the same key is one file, and another one with it is refused', async () => {
  const before = await countObjects()
  const send = (content: string, name = 'a.txt') =>
    served.send('POST', '/v1/files', formOf(PURPOSE, ['file', text(content, name)]), { headers: { 'idempotency-key': 'one file' } })
  const first = (await (await send('same')).json()) as JsonObject
  expect(await (await send('same')).json()).toEqual(first)
  for (const other of [send('other'), send('same', 'b.txt')]) {
    const { status } = await other
    expect(status).toBe(400)
  }
  const [a, b] = await Promise.all([send('same'), send('same')])
  expect([await a.json(), await b.json()]).toEqual([first, first])
  expect([await countObjects(), await countWriting()]).toEqual([before + 1, 0])
})
