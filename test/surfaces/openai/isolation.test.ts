import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import { documentedOperations, fill, type Operation, type Schema, servedOperationIds } from '../../contract/operations.ts'
import { buildWorld, exampleOf, pathsOf, WORLD_SCRIPTS, type World } from '../../contract/world.ts'
import { Calls } from '../../support/calls.ts'
import { EventReader } from '../../support/events.ts'
import { SERVER_START_MS, type Served, serve } from '../../support/served.ts'

const operations = documentedOperations()

/** Places in a request that look like ids and are none that a tenant could own; each with its reason. */
const NOT_OWNED: Record<string, string> = {
  'path.model': 'models come from the configuration of the server and are the same for every tenant',
  'query.after of streamRunEvents': 'is a place in the stream of the run that the path names',
  'body.tool_call_id': 'names a call of the run that the path names',
  'body.file_id of createChatCompletion': 'goes on to the provider of the model, whose file it is',
  'body.id of createChatCompletion': 'ids of calls and of audio inside the conversation, which are not ours',
}

/** A place for an id: where it stands, and what a world has for it. */
interface Slot {
  where: 'path' | 'query' | 'body'
  name: string
  own(world: World): string
  /** Well-formed, and nobody's. */
  missing: string
}

const nobody = (prefix: string): string => `${prefix}${'0'.repeat(31)}1`

function slot(where: Slot['where'], name: string, of: { prefix: string; suffix?: string; own: Slot['own'] }): Slot {
  return { where, name, own: of.own, missing: nobody(of.prefix) + (of.suffix ?? '') }
}

const KINDS = {
  assistant: { prefix: 'asst_', own: (world: World) => world.assistantId },
  idleThread: { prefix: 'thread_', own: (world: World) => world.idleThreadId },
  busyThread: { prefix: 'thread_', own: (world: World) => world.busyThreadId },
  message: { prefix: 'msg_', own: (world: World) => world.messageId },
  run: { prefix: 'run_', own: (world: World) => world.runId },
  step: { prefix: 'step_', own: (world: World) => world.stepId },
  completion: { prefix: 'chatcmpl-', own: (world: World) => world.completionId },
  file: { prefix: 'file-', own: (world: World) => world.fileId },
  upload: { prefix: 'upload_', own: (world: World) => world.uploadId },
  uploadPart: { prefix: 'part_', own: (world: World) => world.partId },
  vectorStore: { prefix: 'vs_', own: (world: World) => world.storeId },
  fileBatch: { prefix: 'vsfb_', own: (world: World) => world.batchId },
  completionMessage: { prefix: 'chatcmpl-', suffix: '-0', own: (world: World) => `${world.completionId}-0` },
}

const attached = (id: string) => ({ role: 'user', content: 'x', attachments: [{ file_id: id, tools: [{ type: 'file_search' }] }] })
const runsFiles = (id: string): JsonObject => ({ tool_resources: { code_interpreter: { file_ids: [id] } } })
const searchesStore = (id: string): JsonObject => ({ tool_resources: { file_search: { vector_store_ids: [id] } } })
const TAKING_RESOURCES = ['createAssistant', 'modifyAssistant', 'createThread', 'modifyThread', 'createThreadAndRun']

/** Where an id stands in a body, when that is not a field of the body itself. */
const PLACES: Record<string, (id: string) => JsonObject> = {
  'createVectorStore file_ids': (id) => ({ file_ids: [id] }),
  'createVectorStoreFileBatch file_ids': (id) => ({ file_ids: [id] }),
  'createVectorStoreFileBatch file_id': (id) => ({ files: [{ file_id: id }] }),
  'completeUpload part_ids': (id) => ({ part_ids: [id] }),
  'createMessage file_id': attached,
  'createThread file_id': (id) => ({ messages: [attached(id)] }),
  'createThreadAndRun file_id': (id) => ({ thread: { messages: [attached(id)] } }),
  'createRun file_id': (id) => ({ additional_messages: [attached(id)] }),
  ...Object.fromEntries(TAKING_RESOURCES.map((operation) => [`${operation} file_ids`, runsFiles])),
  ...Object.fromEntries(TAKING_RESOURCES.map((operation) => [`${operation} vector_store_ids`, searchesStore])),
}
/** Instead of what the example says of the same thing. */
const INSTEAD: Record<string, string> = { 'createVectorStoreFileBatch file_id': 'file_ids' }

/** What a list's cursors are ids of. */
const CURSORS: Record<string, keyof typeof KINDS> = {
  listAssistants: 'assistant',
  listMessages: 'message',
  listRuns: 'run',
  listRunSteps: 'step',
  listChatCompletions: 'completion',
  listFiles: 'file',
  listVectorStores: 'vectorStore',
  listVectorStoreFiles: 'file',
  listFilesInVectorStoreBatch: 'file',
  getChatCompletionMessages: 'completionMessage',
}

function kindOf({ id, path }: Operation, where: string, name: string): keyof typeof KINDS | undefined {
  if (where === 'query' && (name === 'after' || name === 'before')) return CURSORS[id]
  if (name === 'assistant_id') return 'assistant'
  if (name === 'thread_id') return path.includes('{run_id}') ? 'busyThread' : 'idleThread'
  if (name === 'message_id') return 'message'
  if (name === 'run_id') return 'run'
  if (name === 'step_id') return 'step'
  if (name === 'completion_id') return 'completion'
  if (name === 'file_id' || name === 'file_ids') return 'file'
  if (name === 'upload_id') return 'upload'
  if (name === 'part_ids') return 'uploadPart'
  if (name === 'vector_store_id' || name === 'vector_store_ids') return 'vectorStore'
  if (name === 'batch_id') return 'fileBatch'
  return undefined
}

const looksLikeId = (name: string): boolean => /^(?:id|ids|after|before)$|_ids?$/.test(name)

/** Names of fields that hold ids, at any depth. */
function idFields(schema: Schema | undefined): string[] {
  if (!schema) return []
  const inner = [
    ...(schema.anyOf ?? []),
    schema.items,
    typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined,
  ]
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => [...(looksLikeId(name) ? [name] : []), ...idFields(child)])
  return [...new Set([...own, ...inner.flatMap(idFields)])]
}

/** Every place of the operation that takes an id. Throws where nobody has said what stands there. */
function slotsOf(operation: Operation): Slot[] {
  const places = [
    ...operation.params.map((name) => ['path', name] as const),
    ...operation.query.filter(({ name }) => looksLikeId(name)).map(({ name }) => ['query', name] as const),
    ...idFields(operation.body).map((name) => ['body', name] as const),
  ]
  return places.flatMap(([where, name]) => {
    if (`${where}.${name}` in NOT_OWNED || `${where}.${name} of ${operation.id}` in NOT_OWNED) return []
    const kind = kindOf(operation, where, name)
    if (!kind) throw new Error(`${operation.id}: say in isolation.test.ts whose id the ${where} parameter ${name} is`)
    return [slot(where, name, KINDS[kind])]
  })
}

/** All ways to choose from the slots which are the other tenant's: at least one. */
function choices(slots: readonly Slot[]): Slot[][] {
  return Array.from({ length: 2 ** slots.length - 1 }, (_, bits) => slots.filter((_slot, i) => ((bits + 1) >> i) & 1))
}

let served: Served
let own: Calls
let others: Calls
let victim: World
let before: string[]

const snapshot = (world: World): Promise<string[]> =>
  Promise.all(pathsOf(world).map(async (path) => `${path} ${JSON.stringify(await others.ok('GET', path))}`))

beforeAll(async () => {
  served = await serve({ scripts: WORLD_SCRIPTS }, { worker: true })
  own = new Calls(served)
  others = new Calls(served, { key: served.otherKey })
  victim = await buildWorld(others)
  before = await snapshot(victim)
}, SERVER_START_MS)
afterAll(() => served.close())

interface Answer {
  status: number
  text: string
}

/** The request with the given ids in these slots, and the tenant's own everywhere else. */
async function ask(operation: Operation, world: World, ids: ReadonlyMap<Slot, string>): Promise<Answer> {
  const { params, body, form } = exampleOf(operation, world)
  const query: Record<string, string> = {}
  const changed: JsonObject | undefined = body && { ...body }
  for (const [{ where, name }, id] of ids) {
    if (where === 'path') params[name] = id
    else if (where === 'query') query[name] = id
    else if (changed) {
      const place = `${operation.id} ${name}`
      const instead = INSTEAD[place]
      if (instead !== undefined) delete changed[instead]
      Object.assign(changed, PLACES[place]?.(id) ?? { [name]: id })
    }
  }
  const response = await served.send(operation.method, fill(operation, { params, query }), form ?? changed)
  const streams = response.headers.get('content-type')?.startsWith('text/event-stream')
  return { status: response.status, text: streams ? await firstFrame(response) : await response.text() }
}

async function firstFrame(response: Response): Promise<string> {
  const reader = new EventReader(response)
  const frame = await reader.next()
  await reader.leave()
  return JSON.stringify(frame)
}

const without = (text: string, ids: Iterable<string>): string => [...ids].reduce((rest, id) => rest.replaceAll(id, 'ID'), text)

describe("another tenant's id is exactly an id that does not exist", () => {
  for (const operation of operations) {
    test(`${operation.method} ${operation.path}`, async () => {
      const world = await buildWorld(own)
      for (const foreign of choices(slotsOf(operation))) {
        const theirs = new Map(foreign.map((s) => [s, s.own(victim)]))
        const none = new Map(foreign.map((s) => [s, s.missing]))
        const [got, expected] = [await ask(operation, world, theirs), await ask(operation, world, none)]
        const places = foreign.map(({ where, name }) => `${where}.${name}`).join(' and ')
        expect({ places, status: got.status, text: without(got.text, theirs.values()) }).toEqual({
          places,
          status: expected.status,
          text: without(expected.text, none.values()),
        })
        // Nothing but a filter may answer well for an id that is not there.
        if (places !== 'query.run_id') expect([places, got.status]).toEqual([places, places.includes('path.') ? 404 : expected.status])
        expect(got.text).not.toContain('"seen"')
      }
      // The same request with the tenant's own ids is a good one, so that the refusals above say something.
      const { status, text } = await ask(operation, world, new Map())
      const known = operation.id === 'deleteModel' ? 403 : 200
      expect([status, text]).toEqual([known, text])
    })
  }
})

test('nothing of the other tenant was changed by all that', async () => {
  expect(await snapshot(victim)).toEqual(before)
})

test('lists of one tenant never show what another one owns', async () => {
  const ids = (page: JsonObject) => (page.data as JsonObject[]).map(({ id }) => id)
  expect(ids(await own.ok('GET', '/v1/assistants?limit=100'))).not.toContain(victim.assistantId)
  expect(ids(await own.ok('GET', '/v1/files'))).not.toContain(victim.fileId)
  expect(ids(await own.ok('GET', '/v1/vector_stores?limit=100'))).not.toContain(victim.storeId)
  expect(ids(await own.ok('GET', '/v1/chat/completions?limit=100'))).not.toContain(victim.completionId)
})

test('the tests above were made from the document that the server publishes', async () => {
  expect(await servedOperationIds(served.url)).toEqual(operations.map(({ id }) => id))
})

test('an operation that nobody has said how to try fails', () => {
  const unknown: Operation = {
    ...{ id: 'getSecret', method: 'GET', path: '/v1/secrets/{secret_id}', params: ['secret_id'], query: [], streams: false },
    ...{ body: undefined, form: undefined },
  }
  expect(() => slotsOf(unknown)).toThrow('say in isolation.test.ts whose id')
  expect(() => exampleOf(unknown, victim)).toThrow('say in world.ts')
  const withBody: Operation = { ...unknown, params: [], body: { properties: { owner_id: { type: 'string' } } } }
  expect(() => slotsOf(withBody)).toThrow('owner_id')
  expect(() => exampleOf(withBody, victim)).toThrow('which body it accepts')
  expect(() => exampleOf({ ...unknown, params: [], form: {} }, victim)).toThrow('which form it accepts')
})

test('the exemptions are all still needed', () => {
  const places = operations.flatMap((operation) => [
    ...operation.params.map((name) => `path.${name}`),
    ...operation.query.map(({ name }) => `query.${name} of ${operation.id}`),
    ...idFields(operation.body).flatMap((name) => [`body.${name}`, `body.${name} of ${operation.id}`]),
  ])
  expect(Object.keys(NOT_OWNED).filter((place) => !places.includes(place))).toEqual([])
})
