import { type Caller, requireScope } from '../caller.ts'
import { Fault, notFound } from '../fault.ts'
import { newId } from '../id.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'
import type { Page, PageRequest } from '../page.ts'
import { Assembly } from './assembly.ts'
import { changeCompletionRow, deleteCompletionRow, insertCompletion, listCompletionRows, readCompletion } from './store.ts'

/** A chat completion that was kept. Messages and answer have the shape that every chat endpoint speaks. */
export interface Completion {
  id: string
  model: string
  messages: JsonObject[]
  answer: JsonObject
  metadata: Record<string, string>
  createdAt: number
}

export interface NewCompletion {
  model: string
  messages: JsonObject[]
  /** Further fields of the chat endpoint, given to the provider as they are. */
  options: JsonObject
  /** Null: the completion is answered and forgotten. */
  keep: { metadata: Record<string, string> } | null
  /** Fires when nobody waits for the answer any more: the provider is told to stop, and nothing is kept. */
  signal: AbortSignal
}

/** `id` is null for a completion that is not kept; then the provider's own id stands in the answer. */
export interface Answered {
  id: string | null
  answer: JsonObject
}

export interface AnswerStream {
  id: string | null
  /** Each the JSON text of one chunk. A kept completion is stored before the last read ends. */
  chunks: AsyncIterable<string>
}

export interface CompletionFilter {
  model?: string
  /** Pairs that must all be there. */
  metadata?: Record<string, string>
}

type Asking = Needs<'db' | 'clock' | 'models'>

/** Throws what the models port throws. */
export async function createCompletion(app: Asking, caller: Caller, input: NewCompletion): Promise<Answered> {
  requireScope(caller, 'write')
  const draft = draftOf(app, input)
  const answer = await app.models.complete(providerBody(input, false), input.signal)
  if (!draft) return { id: null, answer }
  await insertCompletion(app.db, caller.tenantId, { ...draft, answer })
  return { id: draft.id, answer }
}

/** Faults before the first chunk are thrown here, later ones while reading. */
export async function streamCompletion(app: Asking, caller: Caller, input: NewCompletion): Promise<AnswerStream> {
  requireScope(caller, 'write')
  const draft = draftOf(app, input)
  const { chunks } = await app.models.completeStream(providerBody(input, true), input.signal)
  if (!draft) return { id: null, chunks }
  const keep = (answer: JsonObject) => insertCompletion(app.db, caller.tenantId, { ...draft, answer })
  return { id: draft.id, chunks: keptAtTheEnd(chunks, keep) }
}

const draftOf = (app: Needs<'clock'>, input: NewCompletion): Omit<Completion, 'answer'> | null =>
  input.keep && { id: newId(), model: input.model, messages: input.messages, metadata: input.keep.metadata, createdAt: app.clock.now() }

const providerBody = (input: NewCompletion, stream: boolean): JsonObject => ({
  ...input.options,
  model: input.model,
  messages: input.messages,
  ...(stream ? { stream } : {}),
})

async function* keptAtTheEnd(chunks: AsyncIterable<string>, keep: (answer: JsonObject) => Promise<void>): AsyncGenerator<string> {
  const assembly = new Assembly()
  for await (const chunk of chunks) {
    assembly.take(parseChunk(chunk))
    yield chunk
  }
  await keep(assembly.answer())
}

function parseChunk(chunk: string): JsonObject {
  try {
    const parsed: unknown = JSON.parse(chunk)
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as JsonObject
  } catch {
    // What is not JSON and what is no object are one fault.
  }
  throw new Fault('upstream', 'The model provider sent a chunk that is not a JSON object.')
}

/** Throws not_found. */
export async function getCompletion(app: Needs<'db'>, caller: Caller, id: string): Promise<Completion> {
  requireScope(caller, 'read')
  const row = await readCompletion(app.db, caller.tenantId, id)
  if (!row) throw notFound('completion', id)
  return row
}

export async function listCompletions(
  app: Needs<'db'>,
  caller: Caller,
  input: { page: PageRequest; filter: CompletionFilter },
): Promise<Page<Completion>> {
  requireScope(caller, 'read')
  return listCompletionRows(app.db, caller.tenantId, input)
}

/** Metadata is replaced as a whole. Throws not_found. */
export async function changeCompletion(
  app: Needs<'db'>,
  caller: Caller,
  input: { id: string; metadata: Record<string, string> },
): Promise<Completion> {
  requireScope(caller, 'write')
  const row = await changeCompletionRow(app.db, caller.tenantId, input)
  if (!row) throw notFound('completion', input.id)
  return row
}

/** Throws not_found. */
export async function deleteCompletion(app: Needs<'db'>, caller: Caller, id: string): Promise<void> {
  requireScope(caller, 'write')
  if (!(await deleteCompletionRow(app.db, caller.tenantId, id))) throw notFound('completion', id)
}

/** A message of the request, known by its place. */
export interface CompletionMessage {
  index: number
  message: JsonObject
}

export interface MessagePage {
  limit: number
  order: 'asc' | 'desc'
  /** Index of a message, exclusive, relative to the order. */
  after?: number
}

/** The messages that were asked with, without the answer. Throws not_found. */
export async function listCompletionMessages(
  app: Needs<'db'>,
  caller: Caller,
  input: { id: string; page: MessagePage },
): Promise<Page<CompletionMessage>> {
  const { messages } = await getCompletion(app, caller, input.id)
  const { limit, order, after } = input.page
  const all = messages.map((message, index) => ({ index, message }))
  const ordered = order === 'asc' ? all : all.reverse()
  const rest = after === undefined ? ordered : ordered.filter(({ index }) => (order === 'asc' ? index > after : index < after))
  return { items: rest.slice(0, limit), hasMore: rest.length > limit }
}
