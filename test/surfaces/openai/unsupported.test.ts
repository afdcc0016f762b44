import { afterAll, beforeAll, expect, test } from 'bun:test'
import OpenAI, { InternalServerError } from 'openai'
import { hasShared, readShared } from '../../contract/shared.ts'
import { type Served, serve } from '../../support/served.ts'

let served: Served
beforeAll(async () => {
  served = await serve()
})
afterAll(() => served.close())

interface Contract {
  paths: Record<string, Record<string, unknown>>
}

const there = hasShared('contracts/openai/openapi.json', 'the list of operations that come later')

/** Of the contract itself, so that none can be forgotten. */
async function contractOperations(): Promise<[method: string, path: string][]> {
  const contract: Contract = (await readShared('contracts/openai/openapi.json')) as unknown as Contract
  return Object.entries(contract.paths)
    .filter(([path]) => /^\/v1\/(files|uploads|vector_stores)\b/.test(path))
    .flatMap(([path, methods]) =>
      Object.keys(methods).map((method): [string, string] => [method.toUpperCase(), path.replace(/\{\w+\}/g, 'some_id')]),
    )
}

test.skipIf(!there)('every operation on files, uploads and vector stores answers 501 and names what is missing', async () => {
  const operations = await contractOperations()
  expect(operations.length).toBe(25)
  for (const [method, path] of operations) {
    const response = await served.send(method, path, method === 'POST' ? {} : undefined)
    expect([method, path, response.status]).toEqual([method, path, 501])
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(await response.json()).toEqual({
      error: {
        message: expect.stringMatching(/^(Files|Uploads|Vector stores) are not supported by this server yet\.$/),
        type: 'invalid_request_error',
        param: null,
        code: 'unsupported',
      },
    })
  }
})

test.skipIf(!there)('who has no key is not told what is missing', async () => {
  for (const [method, path] of await contractOperations()) {
    expect((await served.send(method, path, undefined, { key: null })).status).toBe(401)
  }
})

test('an SDK gets its own exception', async () => {
  const client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key })
  const error = await client.files.create({ file: new File(['text'], 'a.txt'), purpose: 'assistants' }).catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(InternalServerError)
  expect(error).toMatchObject({ status: 501, code: 'unsupported' })
})

test('the document does not promise them', async () => {
  const document = (await (await fetch(`${served.url}/openapi/openai.json`)).json()) as Contract
  expect(Object.keys(document.paths).filter((path) => /files|uploads|vector_stores/.test(path))).toEqual([])
  expect(Object.keys(document.paths)).toContain('/v1/chat/completions')
})
