import { expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/core/json.ts'
import type { Models } from '../../../src/drivers/models/port.ts'
import { ask, failureOf, never, RecordingSink } from './recording.ts'

/** An adapter behind `openModels`, with a chat model that echoes the last user message and one that embeds. */
export interface AdapterUnderTest {
  models(): Models
  chat: string
  embeddings: string
}

/** What holds for the models of every adapter. */
export function adapterContract(name: string, adapter: AdapterUnderTest): void {
  const body = (content: string, changes: JsonObject = {}): JsonObject => ({
    model: adapter.chat,
    messages: [{ role: 'user', content }],
    ...changes,
  })

  test(`${name}: generate tells the sink all parts in order and returns the whole`, async () => {
    const sink = new RecordingSink()
    const generated = await adapter.models().generate(ask('one two  three', { model: adapter.chat }), sink, never())
    expect(sink.parts).toEqual(['text: one ', 'text: two  ', 'text: three'])
    expect(generated).toMatchObject({ text: 'one two  three', refusal: '', calls: [], finish: 'stop' })
    expect(generated.usage?.completionTokens).toBe(3)
  })

  test(`${name}: an aborted call rejects with an AbortError`, async () => {
    const models = adapter.models()
    const failures = [
      models.generate(ask('x', { model: adapter.chat }), new RecordingSink(), AbortSignal.abort()),
      models.complete(body('x'), AbortSignal.abort()),
      models.completeStream(body('x'), AbortSignal.abort()),
      models.embed({ model: adapter.embeddings, input: 'x' }, AbortSignal.abort()),
    ].map(failureOf)
    for (const failure of await Promise.all(failures)) expect(failure.name).toBe('AbortError')
  })

  test(`${name}: a completion answers under the name that was asked for`, async () => {
    expect(await adapter.models().complete(body('one two'), never())).toMatchObject({
      object: 'chat.completion',
      model: adapter.chat,
      choices: [{ index: 0, message: { role: 'assistant', content: 'one two' }, finish_reason: 'stop' }],
      usage: { completion_tokens: 2 },
    })
  })

  test(`${name}: a streamed completion begins with the role, ends with a finish reason, and has usage if asked`, async () => {
    const stream = await adapter
      .models()
      .completeStream(body('one two', { stream: true, stream_options: { include_usage: true } }), never())
    const chunks: JsonObject[] = []
    for await (const chunk of stream.chunks) chunks.push(JSON.parse(chunk))
    for (const chunk of chunks) expect(chunk).toMatchObject({ object: 'chat.completion.chunk', model: adapter.chat })
    expect(chunks[0]).toMatchObject({ choices: [{ delta: { role: 'assistant' }, finish_reason: null }] })
    expect(chunks.slice(1, 3)).toMatchObject([{ choices: [{ delta: { content: 'one ' } }] }, { choices: [{ delta: { content: 'two' } }] }])
    expect(chunks[3]).toMatchObject({ choices: [{ finish_reason: 'stop' }] })
    expect(chunks[4]).toMatchObject({ choices: [], usage: { completion_tokens: 2 } })
    expect(chunks).toHaveLength(5)
  })

  test(`${name}: embeddings come as floats or as base64, and are the same`, async () => {
    const embed = async (format: JsonObject) => {
      const answer = await adapter.models().embed({ model: adapter.embeddings, input: ['one', 'two words'], ...format }, never())
      expect(answer).toMatchObject({ object: 'list', model: adapter.embeddings })
      return (answer.data as JsonObject[]).map(({ embedding }) => embedding)
    }
    const plain = (await embed({})) as number[][]
    const floats = await embed({ encoding_format: 'float' })
    const base64 = (await embed({ encoding_format: 'base64' })) as string[]
    expect(plain).toHaveLength(2)
    expect(floats).toEqual(plain)
    for (const [index, text] of base64.entries()) {
      const view = new DataView(Uint8Array.from(Buffer.from(text, 'base64')).buffer)
      const decoded = Array.from({ length: view.byteLength / 4 }, (_, at) => view.getFloat32(at * 4, true))
      expect(decoded).toEqual(plain[index] ?? [])
    }
  })
}
