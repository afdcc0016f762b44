import type { JsonObject } from '../../src/core/json.ts'
import type { ScriptTurn } from '../../src/drivers/models/port.ts'
import type { Calls } from '../support/calls.ts'
import type { Filling, Operation } from './operations.ts'

/** One of everything that a tenant can own, in states in which every operation is allowed on something. */
export interface World {
  assistantId: string
  /** A thread that no run holds, with a message in it. */
  idleThreadId: string
  messageId: string
  /** A thread whose run waits for the outputs of `callIds`. */
  busyThreadId: string
  runId: string
  stepId: string
  callIds: string[]
  completionId: string
  fileId: string
  /** An upload that waits for nothing but its completion, and its part. */
  uploadId: string
  partId: string
  storeId: string
  /** What brought the file into the store; nothing ingests it, so it stays in progress. */
  batchId: string
}

export const WAITER = 'waiter'
/** The scripts that `buildWorld` needs. */
export const WORLD_SCRIPTS: Record<string, ScriptTurn[]> = {
  [WAITER]: [
    {
      calls: [
        { name: 'look', arguments: { at: 1 } },
        { name: 'look', arguments: { at: 2 } },
      ],
    },
    { text: ['seen'] },
  ],
}

const uploadOf = (): JsonObject => ({ filename: 'u.txt', purpose: 'assistants', bytes: 4, mime_type: 'text/plain' })

const partForm = (): FormData => {
  const form = new FormData()
  form.set('data', new Blob(['part']))
  return form
}

const fileForm = (): FormData => {
  const form = new FormData()
  form.set('purpose', 'assistants')
  form.set('file', new File(['x'], 'x.txt'))
  return form
}

const dataOf = (page: JsonObject): JsonObject[] => page.data as JsonObject[]

export async function buildWorld(calls: Calls): Promise<World> {
  const assistantId = await calls.assistant(WAITER, { tools: [{ type: 'function', function: { name: 'look' } }] })
  const [idleThreadId, busyThreadId] = await Promise.all([calls.thread('idle'), calls.thread('busy')])
  const [message] = dataOf(await calls.ok('GET', `/v1/threads/${idleThreadId}/messages?limit=1`))
  const run = await calls.run(busyThreadId, assistantId)
  const runId = String(run.id)
  const waiting = await calls.reached(busyThreadId, runId, ['requires_action'])
  const action = waiting.required_action as { submit_tool_outputs: { tool_calls: { id: string }[] } }
  const [step] = dataOf(await calls.ok('GET', `/v1/threads/${busyThreadId}/runs/${runId}/steps?limit=1`))
  const messages = [{ role: 'user', content: 'keep' }]
  const completion = await calls.ok('POST', '/v1/chat/completions', { model: 'echo', messages, store: true })
  // Its content can be read like any other answer.
  const fileId = await calls.file('{"some":"text"}', 'notes.json')
  const uploadId = String((await calls.ok('POST', '/v1/uploads', uploadOf())).id)
  const part = await calls.ok('POST', `/v1/uploads/${uploadId}/parts`, partForm())
  const storeId = String((await calls.ok('POST', '/v1/vector_stores', { name: 'keep' })).id)
  const batch = await calls.ok('POST', `/v1/vector_stores/${storeId}/file_batches`, { file_ids: [fileId] })
  return {
    storeId,
    batchId: String(batch.id),
    assistantId,
    idleThreadId,
    busyThreadId,
    runId,
    callIds: action.submit_tool_outputs.tool_calls.map(({ id }) => id),
    messageId: String(message?.id),
    stepId: String(step?.id),
    completionId: String(completion.id),
    fileId,
    uploadId,
    partId: String(part.id),
  }
}

/** The address of everything in it, to see whether something was changed. */
export const pathsOf = (world: World): string[] => [
  `/v1/assistants/${world.assistantId}`,
  `/v1/threads/${world.idleThreadId}`,
  `/v1/threads/${world.idleThreadId}/messages?order=asc`,
  `/v1/threads/${world.idleThreadId}/runs?order=asc`,
  `/v1/threads/${world.busyThreadId}`,
  `/v1/threads/${world.busyThreadId}/messages?order=asc`,
  `/v1/threads/${world.busyThreadId}/runs/${world.runId}`,
  `/v1/threads/${world.busyThreadId}/runs/${world.runId}/steps?order=asc`,
  `/v1/threads/${world.busyThreadId}/runs/${world.runId}/steps/${world.stepId}`,
  `/v1/chat/completions/${world.completionId}`,
  `/v1/chat/completions/${world.completionId}/messages`,
  `/v1/vector_stores/${world.storeId}`,
  `/v1/vector_stores/${world.storeId}/files`,
  `/v1/vector_stores/${world.storeId}/files/${world.fileId}`,
  `/v1/vector_stores/${world.storeId}/file_batches/${world.batchId}`,
  '/v1/vector_stores?order=asc',
  '/v1/assistants?order=asc',
  `/v1/files/${world.fileId}`,
  `/v1/files/${world.fileId}/content`,
  '/v1/files?order=asc',
  '/v1/chat/completions',
]

/** A body that each operation with one accepts. */
const BODIES: Record<string, (world: World) => JsonObject> = {
  createAssistant: () => ({ model: 'echo', name: 'n' }),
  modifyAssistant: () => ({ name: 'changed' }),
  createThread: () => ({ messages: [{ role: 'user', content: 'x' }] }),
  modifyThread: () => ({ metadata: { changed: 'yes' } }),
  createMessage: () => ({ role: 'user', content: 'more' }),
  modifyMessage: () => ({ metadata: { changed: 'yes' } }),
  createThreadAndRun: ({ assistantId }) => ({ assistant_id: assistantId, thread: { messages: [{ role: 'user', content: 'x' }] } }),
  createRun: ({ assistantId }) => ({ assistant_id: assistantId }),
  modifyRun: () => ({ metadata: { changed: 'yes' } }),
  cancelRun: () => ({}),
  submitToolOutputs: ({ callIds }) => ({ tool_outputs: callIds.map((id) => ({ tool_call_id: id, output: 'ok' })) }),
  createEmbedding: () => ({ model: 'lexical-hash', input: 'x' }),
  createChatCompletion: () => ({ model: 'echo', messages: [{ role: 'user', content: 'x' }] }),
  createUpload: uploadOf,
  completeUpload: ({ partId }) => ({ part_ids: [partId] }),
  cancelUpload: () => ({}),
  updateChatCompletion: () => ({ metadata: { changed: 'yes' } }),
  createVectorStore: ({ fileId }) => ({ name: 'n', file_ids: [fileId] }),
  modifyVectorStore: () => ({ name: 'changed' }),
  createVectorStoreFile: ({ fileId }) => ({ file_id: fileId }),
  updateVectorStoreFileAttributes: () => ({ attributes: { changed: 'yes' } }),
  createVectorStoreFileBatch: ({ fileId }) => ({ file_ids: [fileId] }),
  cancelVectorStoreFileBatch: () => ({}),
  searchVectorStore: () => ({ query: 'x' }),
}

/** A form that each operation with one accepts. */
const FORMS: Record<string, () => FormData> = { createFile: fileForm, addUploadPart: partForm }

const underRun = (path: string): boolean => path.includes('{run_id}')

const PARAMS: Record<string, (world: World, path: string) => string> = {
  assistant_id: (world) => world.assistantId,
  thread_id: (world, path) => (underRun(path) ? world.busyThreadId : world.idleThreadId),
  message_id: (world) => world.messageId,
  run_id: (world) => world.runId,
  step_id: (world) => world.stepId,
  completion_id: (world) => world.completionId,
  file_id: (world) => world.fileId,
  upload_id: (world) => world.uploadId,
  vector_store_id: (world) => world.storeId,
  batch_id: (world) => world.batchId,
  model: () => 'echo',
}

export interface Example extends Required<Pick<Filling, 'params'>> {
  body: JsonObject | undefined
  form: FormData | undefined
}

/** A request for this operation that succeeds in this world. Throws for an operation that nobody has said how to call. */
export function exampleOf(operation: Operation, world: World): Example {
  const { id, path, params, body, form } = operation
  const filled = params.map((name) => {
    const value = PARAMS[name]
    if (!value) throw new Error(`${id}: say in world.ts what stands for the parameter {${name}}`)
    return [name, value(world, path)] as const
  })
  const make = BODIES[id]
  const makeForm = FORMS[id]
  if (body && !make) throw new Error(`${id}: say in world.ts which body it accepts`)
  if (form && !makeForm) throw new Error(`${id}: say in world.ts which form it accepts`)
  return { params: Object.fromEntries(filled), body: body ? make?.(world) : undefined, form: form ? makeForm?.() : undefined }
}
