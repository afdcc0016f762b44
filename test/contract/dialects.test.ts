import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Interrupt } from '@langchain/langgraph-sdk'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import {
  type Both,
  CALL_IDS,
  coreId,
  DIALECT_SCRIPTS,
  linesOf,
  listedBy,
  openBoth,
  pastOf,
  runName,
  runsOf,
  sketch,
  TOOLS,
  threadName,
} from './dialects.ts'

let served: Served
let both: Both
/** OpenAI's names of assistants, by model. */
const assistants = new Map<string, string>()
const assistant = (model: string): string => assistants.get(model) ?? ''
const graphAssistant = (model: string): string => coreId(assistant(model))

beforeAll(async () => {
  served = await serve({ scripts: DIALECT_SCRIPTS }, { worker: true })
  both = openBoth(served)
  for (const model of ['echo', ...Object.keys(DIALECT_SCRIPTS)])
    assistants.set(model, (await both.openai.beta.assistants.create({ model, tools: TOOLS })).id)
}, SERVER_START_MS)
afterAll(() => served.close())

const say = (text: string) => ({ messages: [{ role: 'user', content: text }] })
const stateLines = async (threadId: string): Promise<string[]> => sketch(linesOf((await both.langgraph.threads.getState(threadId)).values))
const listed = async (threadId: string): Promise<string[]> => sketch(await listedBy(both, threadId))
const interruptsOf = (values: unknown): Interrupt[] => (values as { __interrupt__?: Interrupt[] }).__interrupt__ ?? []

/** A thread in which the first dialect has asked once and got its answer. */
async function answered(): Promise<string> {
  const { openai } = both
  const thread = await openai.beta.threads.create({ messages: [{ role: 'user', content: 'first' }], metadata: { colour: 'blue' } })
  const run = await openai.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant('echo') })
  expect(run.status).toBe('completed')
  return coreId(thread.id)
}

/** A thread whose run waits for the outputs of function calls. */
async function asking(model = 'asks'): Promise<{ id: string; runId: string }> {
  const { openai } = both
  const thread = await openai.beta.threads.create({ messages: [{ role: 'user', content: 'look' }] })
  const run = await openai.beta.threads.runs.createAndPoll(thread.id, { assistant_id: assistant(model) })
  expect(run.status).toBe('requires_action')
  return { id: coreId(thread.id), runId: run.id }
}

test('a thread is answered through one dialect, forked and continued through the other, and listed by the first as it stands', async () => {
  const { openai, langgraph } = both
  const id = await answered()
  expect(await stateLines(id)).toEqual(['user: first', 'assistant: first'])
  expect(await langgraph.threads.get(id)).toMatchObject({ status: 'idle', metadata: { colour: 'blue' } })

  await langgraph.runs.wait(id, graphAssistant('echo'), { input: say('second') })
  const long = ['user: first', 'assistant: first', 'user: second', 'assistant: second']
  expect(await stateLines(id)).toEqual(long)
  expect(await listed(id)).toEqual(long)

  const asked = (await pastOf(both, id)).at(-1)
  expect(linesOf(asked?.values)).toMatchObject([{ kind: 'user', text: 'first' }])
  await langgraph.threads.updateState(id, {
    values: say('or rather'),
    checkpointId: asked?.checkpoint.checkpoint_id ?? '',
    asNode: '__start__',
  })
  const events = await Array.fromAsync(langgraph.runs.stream(id, graphAssistant('echo'), { input: null, streamMode: 'values' }))
  expect(linesOf(events.at(-1)?.data).at(-1)).toMatchObject({ kind: 'assistant', text: 'or rather' })

  const forked = ['user: first', 'user: or rather', 'assistant: or rather']
  expect(await stateLines(id)).toEqual(forked)
  expect(await listed(id)).toEqual(forked)
  expect((await pastOf(both, id)).map(({ values }) => sketch(linesOf(values)))).toContainEqual(long)

  await openai.beta.threads.messages.create(threadName(id), { role: 'user', content: 'third' })
  expect(await stateLines(id)).toEqual([...forked, 'user: third'])
  await openai.beta.threads.runs.createAndPoll(threadName(id), { assistant_id: assistant('echo') })
  expect(await listed(id)).toEqual([...forked, 'user: third', 'assistant: third'])
  expect(await stateLines(id)).toEqual(await listed(id))
  expect((await runsOf(both, id)).map(({ langgraph: status }) => status)).toEqual(Array(4).fill('success'))
})

test('a message that a fork left behind is not listed any more, and can still be retrieved', async () => {
  const id = await answered()
  const [, answer] = await listedBy(both, id)
  const [first] = (await pastOf(both, id)).slice(-1)
  await both.langgraph.runs.wait(id, graphAssistant('echo'), { input: say('again'), checkpointId: first?.checkpoint.checkpoint_id ?? '' })
  expect(await listed(id)).toEqual(['user: first', 'user: again', 'assistant: again'])
  expect(await both.openai.beta.threads.messages.retrieve(answer?.id ?? '', { thread_id: threadName(id) })).toMatchObject({
    role: 'assistant',
  })
  const after = both.openai.beta.threads.messages.list(threadName(id), { after: answer?.id ?? '' })
  expect(await Promise.resolve(after).catch((error: { status: number }) => error.status)).toBe(400)
})

test('what was appended and not yet answered belongs to the head, and not to a fork of an older state', async () => {
  const id = await answered()
  const { openai, langgraph } = both
  const past = await pastOf(both, id)
  await openai.beta.threads.messages.create(threadName(id), { role: 'user', content: 'appended' })
  const head = past[0]?.checkpoint.checkpoint_id ?? ''
  const copy = await langgraph.threads.copy(id)
  await langgraph.runs.wait(id, graphAssistant('echo'), { input: say('here'), checkpointId: head })
  expect(await listed(id)).toEqual(['user: first', 'assistant: first', 'user: appended', 'user: here', 'assistant: here'])

  const older = past.at(-1)?.checkpoint.checkpoint_id ?? ''
  await langgraph.runs.wait(copy.thread_id, graphAssistant('echo'), { input: say('elsewhere'), checkpointId: older })
  expect(await listed(copy.thread_id)).toEqual(['user: first', 'user: elsewhere', 'assistant: elsewhere'])
  expect(await stateLines(copy.thread_id)).toEqual(await listed(copy.thread_id))
})

test('an update that names the head by its id keeps what was appended behind it', async () => {
  const id = await answered()
  await both.openai.beta.threads.messages.create(threadName(id), { role: 'user', content: 'appended' })
  const head = (await pastOf(both, id))[0]?.checkpoint.checkpoint_id ?? ''
  await both.langgraph.threads.updateState(id, { values: say('added'), checkpointId: head, asNode: 'model' })
  expect(await listed(id)).toEqual(['user: first', 'assistant: first', 'user: appended', 'user: added'])
  expect(await stateLines(id)).toEqual(await listed(id))
})

test('messages that an update edits or removes are listed as the state has them', async () => {
  const id = await answered()
  const [first, second] = linesOf((await both.langgraph.threads.getState(id)).values)
  const edited = { role: 'user', content: 'edited', id: first?.id }
  await both.langgraph.threads.updateState(id, { values: { messages: [edited] }, asNode: 'model' })
  expect(await listed(id)).toEqual(['user: edited', 'assistant: first'])
  await both.langgraph.threads.updateState(id, { values: { messages: [{ role: 'remove', id: second?.id, content: '' }] }, asNode: 'model' })
  expect(await listed(id)).toEqual(['user: edited'])
  expect(await stateLines(id)).toEqual(['user: edited'])
})

test('a run from a checkpoint that is not there is refused, and changes nothing', async () => {
  const id = await answered()
  const run = both.langgraph.runs.create(id, graphAssistant('echo'), { input: say('lost'), checkpointId: crypto.randomUUID() })
  expect(await run.catch((error: { status: number }) => error.status)).toBe(404)
  expect(await listed(id)).toEqual(['user: first', 'assistant: first'])
  expect(await runsOf(both, id)).toHaveLength(1)
})

test('messages of clients wait again when the runs that took them in are deleted, and no answer of theirs stays', async () => {
  const id = await answered()
  const { openai, langgraph } = both
  for (const content of ['second', 'third']) {
    await openai.beta.threads.messages.create(threadName(id), { role: 'user', content })
    await openai.beta.threads.runs.createAndPoll(threadName(id), { assistant_id: assistant('echo') })
  }
  const [third, second, first] = await runsOf(both, id)
  for (const run of [second, third]) await langgraph.runs.delete(id, run?.id ?? '')
  const left = ['user: first', 'assistant: first', 'user: second', 'user: third']
  expect([await listed(id), await stateLines(id)]).toEqual([left, left])
  await langgraph.runs.delete(id, first?.id ?? '')
  const said = ['user: first', 'user: second', 'user: third']
  expect([await listed(id), await stateLines(id)]).toEqual([said, said])
})

const RESUMES: Record<string, [model: string, resume: unknown]> = {
  'the text itself, where one call is open': ['asks_once', 'sunny'],
  'an object by call id': ['asks', { call_a: 'sunny', call_b: { degrees: 21 } }],
  'outputs by call id': ['asks', { outputs: { call_a: 'sunny', call_b: 'warm' } }],
  'a list as the other dialect has it': [
    'asks',
    [
      { tool_call_id: 'call_b', output: 'warm' },
      { tool_call_id: 'call_a', output: 'sunny' },
    ],
  ],
}

for (const [name, [model, resume]] of Object.entries(RESUMES)) {
  test(`a run of the one dialect that waits is answered through the other with ${name}`, async () => {
    const { id } = await asking(model)
    expect(await both.langgraph.threads.get(id)).toMatchObject({ status: 'interrupted' })
    const values = await both.langgraph.runs.wait(id, graphAssistant(model), { command: { resume } })
    const lines = sketch(linesOf(values))
    expect(lines[2]).toBe('tool: sunny')
    if (model === 'asks') expect(['tool: warm', 'tool: {"degrees":21}']).toContain(lines[3] ?? '')
    expect(lines.at(-1)).toBe('assistant: thank you')
    expect(await listed(id)).toEqual(['user: look', 'assistant: thank you'])
    expect(await runsOf(both, id)).toMatchObject([{ openai: 'completed' }, { openai: 'completed' }])
  })
}

test('an answer that does not fit the calls is told so, and the run waits on for either dialect', async () => {
  const { id, runId } = await asking()
  const wrong: [resume: unknown, told: string][] = [
    ['sunny', 'Expected the outputs of the calls'],
    [{ call_a: 'sunny' }, "The output of the call 'call_b' is missing"],
    [[{ tool_call_id: 'call_a', output: 'x' }, 'warm'], 'Expected the outputs of the calls'],
    [{ call_a: 'sunny', call_b: 'warm', call_c: 'x' }, "No call 'call_c' is open"],
  ]
  for (const [resume, told] of wrong) {
    const values = await both.langgraph.runs.wait(id, graphAssistant('asks'), { command: { resume } })
    expect(JSON.stringify(interruptsOf(values)[0]?.value)).toContain(`"error":"${told}`)
    expect(await both.langgraph.threads.get(id)).toMatchObject({ status: 'interrupted' })
  }
  expect(await both.openai.beta.threads.runs.retrieve(runId, { thread_id: threadName(id) })).toMatchObject({ status: 'completed' })

  const [waiting] = await runsOf(both, id)
  const run = await both.openai.beta.threads.runs.retrieve(runName(waiting?.id ?? ''), { thread_id: threadName(id) })
  expect(run.required_action?.submit_tool_outputs.tool_calls.map((call) => [call.id, call.function.arguments])).toEqual(
    CALL_IDS.map((of) => [of, JSON.stringify({ of })]),
  )
  const outputs = CALL_IDS.map((tool_call_id) => ({ tool_call_id, output: 'fine' }))
  const done = await both.openai.beta.threads.runs.submitToolOutputsAndPoll(run.id, { thread_id: threadName(id), tool_outputs: outputs })
  expect(done.status).toBe('completed')
  expect(await stateLines(id)).toEqual(['user: look', 'calls: ', 'tool: fine', 'tool: fine', 'assistant: thank you'])
})

test('a run that asks again shows no message a second time in the stream', async () => {
  const { id } = await asking('asks_once')
  const asks = { command: { resume: 1 }, streamMode: ['messages-tuple' as const, 'values' as const] }
  const events = await Array.fromAsync(both.langgraph.runs.stream(id, graphAssistant('asks_once'), asks))
  expect(events.filter(({ event }) => event.startsWith('messages'))).toEqual([])
  expect(events.some(({ data }) => interruptsOf(data).length === 1)).toBe(true)
})

test('a run of LangGraph that waits is answered through submitted outputs, streamed', async () => {
  const { openai, langgraph } = both
  const { thread_id: id } = await langgraph.threads.create()
  const values = await langgraph.runs.wait(id, graphAssistant('asks'), { input: say('look') })
  expect(interruptsOf(values)).toHaveLength(1)
  const [run] = await runsOf(both, id)
  expect(run).toMatchObject({ openai: 'requires_action', langgraph: 'success' })
  const tool_outputs = CALL_IDS.map((tool_call_id) => ({ tool_call_id, output: 'fine' }))
  const key = { thread_id: threadName(id), tool_outputs, stream: true as const }
  const done = await openai.beta.threads.runs.submitToolOutputsStream(runName(run?.id ?? ''), key).finalRun()
  expect(done.status).toBe('completed')
  expect(await listed(id)).toEqual(['user: look', 'assistant: thank you'])
  expect((await langgraph.threads.get(id)).status).toBe('idle')
})

test('a run that is cancelled through either dialect leaves what it had said, for the other too', async () => {
  const { openai, langgraph } = both
  for (const cancel of ['openai', 'langgraph']) {
    const { thread_id: id } = await langgraph.threads.create()
    const run = await langgraph.runs.create(id, graphAssistant('slow'), { input: say('go'), streamMode: 'messages-tuple' })
    for await (const { event } of langgraph.runs.joinStream(id, run.run_id)) if (event === 'messages') break
    if (cancel === 'openai') {
      await openai.beta.threads.runs.cancel(runName(run.run_id), { thread_id: threadName(id) })
      await langgraph.runs.join(id, run.run_id)
    } else await langgraph.runs.cancel(id, run.run_id, true)
    expect(await runsOf(both, id)).toMatchObject([{ openai: 'cancelled', langgraph: 'interrupted' }])
    expect(await listed(id)).toEqual(['user: go', 'assistant: begun '])
    expect(await stateLines(id)).toEqual(await listed(id))
  }
})

test('metadata is one: replaced by the first dialect, merged by the second', async () => {
  const id = await answered()
  await both.langgraph.threads.update(id, { metadata: { deep: { a: [1] }, colour: 'red' } })
  const shown = await both.openai.beta.threads.retrieve(threadName(id))
  expect(shown.metadata).toEqual({ colour: 'red', deep: '{"a":[1]}' })
  await both.openai.beta.threads.update(threadName(id), { metadata: { only: 'this' } })
  expect((await both.langgraph.threads.get(id)).metadata).toEqual({ only: 'this' })
})
