import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readConfig } from '../../../src/config.ts'
import { embedTexts } from '../../../src/core/vector-stores/embedding.ts'
import { LEXICAL_HASH, LEXICAL_HASH_DIMENSIONS } from '../../../src/drivers/models/lexical-hash.ts'
import { openModels } from '../../../src/drivers/models/models.ts'
import type { Models } from '../../../src/drivers/models/port.ts'
import { EMBEDDING_MODEL, type EmbeddingServer, startEmbeddingServer } from '../../support/embedding-server.ts'
import { silentLog } from '../../support/postgres.ts'

let server: EmbeddingServer
let models: Models
beforeAll(() => {
  server = startEmbeddingServer()
  models = openModels({ ...readConfig({}).config.models, ...server.options.models }, { log: silentLog })
})
afterAll(() => server.stop())

const embed = (model: string, ...texts: string[]) => embedTexts({ models }, { model, texts }, AbortSignal.timeout(5_000))

test('each text gets its vector, in order, from an endpoint as from the built-in model', async () => {
  expect(await embed(EMBEDDING_MODEL, 'a', 'bcd')).toEqual([new Float32Array([1, 0.5, -0.25]), new Float32Array([3, 0.5, -0.25])])
  const [first, same, other] = await embed(LEXICAL_HASH, 'one text', 'one text', 'another')
  expect([first?.length, first]).toEqual([LEXICAL_HASH_DIMENSIONS, same])
  expect(other).not.toEqual(first)
})

test('vectors are matched with their texts by their index', async () => {
  const data = [
    { index: 1, embedding: [2, 2] },
    { index: 0, embedding: [1, 1] },
  ]
  server.replies.push({ body: JSON.stringify({ object: 'list', data }) })
  expect(await embed(EMBEDDING_MODEL, 'a', 'b')).toEqual([new Float32Array([1, 1]), new Float32Array([2, 2])])
})

/** What an endpoint may answer to two texts, and what is wrong with it. */
const WRONG: [data: unknown, complaint: string][] = [
  [[{ index: 0, embedding: [1] }], 'did not answer 2 vectors'],
  [
    [
      { index: 0, embedding: [1] },
      { index: 0, embedding: [1] },
    ],
    'did not answer 2 vectors',
  ],
  [
    [
      { index: 0, embedding: [1] },
      { index: 2, embedding: [1] },
    ],
    'did not answer 2 vectors',
  ],
  [
    [
      { index: 0, embedding: [] },
      { index: 1, embedding: [] },
    ],
    'a vector without numbers',
  ],
  [
    [
      { index: 0, embedding: [1] },
      { index: 1, embedding: [1, 2] },
    ],
    'vectors of different lengths',
  ],
  [
    [
      { index: 0, embedding: [1] },
      { index: 1, embedding: ['x'] },
    ],
    'a vector that is not all numbers',
  ],
]
for (const [data, complaint] of WRONG)
  test(`an answer of ${JSON.stringify(data)} is a failure of the provider`, async () => {
    server.replies.push({ body: JSON.stringify({ object: 'list', data }) })
    await expect(embed(EMBEDDING_MODEL, 'a', 'b')).rejects.toMatchObject({ code: 'upstream', message: expect.stringContaining(complaint) })
  })
