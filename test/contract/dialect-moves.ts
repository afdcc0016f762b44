import { expect } from 'bun:test'
import type { ThreadState } from '@langchain/langgraph-sdk'
import type { Chance } from '../lab/chance.ts'
import type { ThreadModel } from './dialect-model.ts'
import { assistantName, type Both, coreId, type Line, linesOf, listedBy, pastOf, runName, threadName } from './dialects.ts'

/** What a move is made with. */
export interface Table {
  both: Both
  chance: Chance
  /** Ids of assistants, by model. */
  assistants: ReadonlyMap<string, string>
  thread: ThreadModel
  /** Also shown to later moves. */
  add(thread: ThreadModel): void
  /** A word that nobody said before. */
  word(): string
}

type Move = (table: Table) => Promise<void>

const MODELS: readonly [string, ...string[]] = ['echo', 'echo', 'asks']
const assistantOf = ({ assistants }: Table, model: string): string => assistants.get(model) ?? ''
const user = (text: string): Line => ({ kind: 'user', text })
const asInput = (lines: readonly Line[]) => ({ messages: lines.map(({ text }) => ({ role: 'user', content: text })) })

async function statusOf(call: Promise<unknown>): Promise<number> {
  const answer: unknown = await call.catch((error: unknown) => error)
  return (answer as { status?: number }).status ?? 200
}

const append: Move = async (table) => {
  const { both, thread } = table
  const text = table.word()
  const call = both.openai.beta.threads.messages.create(threadName(thread.id), { role: 'user', content: text })
  if (thread.waiting) return expect(await statusOf(call)).toBe(400)
  const { id } = await call
  thread.pending.push({ ...user(text), id: coreId(id) })
}

const runByOpenai: Move = async (table) => {
  const { both, chance, thread } = table
  const model = chance.pick(MODELS)
  const more = chance.is(0.4) || !thread.hasQuestion ? [user(table.word())] : []
  const body = {
    assistant_id: assistantName(assistantOf(table, model)),
    ...(more.length > 0 ? { additional_messages: more.map(({ text }) => ({ role: 'user' as const, content: text })) } : {}),
  }
  const { runs } = both.openai.beta.threads
  if (thread.waiting) return expect(await statusOf(runs.create(threadName(thread.id), body))).toBe(400)
  const streamed = chance.is(0.5)
  const run = await (streamed ? runs.stream(threadName(thread.id), body).finalRun() : runs.createAndPoll(threadName(thread.id), body))
  thread.takeIn(more)
  thread.go(coreId(run.id), model)
}

/** Starts a run, waits for its end in one of four ways, and answers its id. */
async function runByLanggraph(table: Table, model: string, payload: object): Promise<string> {
  const { both, chance, thread } = table
  const { runs } = both.langgraph
  const assistant = assistantOf(table, model)
  let id = ''
  const onRunCreated = (run: { run_id: string }) => {
    id = run.run_id
  }
  const given = { ...payload, onRunCreated }
  switch (chance.between(0, 2)) {
    case 0:
      await runs.wait(thread.id, assistant, { ...given, raiseError: false })
      return id
    case 1:
      for await (const _ of runs.stream(thread.id, assistant, { ...given, streamMode: ['values', 'messages-tuple', 'updates'] }));
      return id
    default: {
      const run = await runs.create(thread.id, assistant, payload)
      await runs.join(thread.id, run.run_id)
      return run.run_id
    }
  }
}

const continueByLanggraph: Move = async (table) => {
  const { chance, thread } = table
  const model = chance.pick(MODELS)
  const input = chance.is(0.8) || !thread.hasQuestion ? Array.from({ length: chance.between(1, 2) }, () => user(table.word())) : []
  if (input.length > 0) {
    const id = await runByLanggraph(table, model, { input: asInput(input) })
    thread.makeWay()
    thread.takeIn(input)
    return thread.go(id, model)
  }
  const { tasks } = await table.both.langgraph.threads.getState(thread.id)
  goOn(thread, { id: await runByLanggraph(table, model, { input: null }), model, task: tasks[0]?.name })
}

/** Where the thread stands: what waits for outputs asks again, and at the end there is nothing to do. */
function goOn(thread: ThreadModel, { id, model, task }: { id: string; model: string; task: string | undefined }): void {
  thread.makeWay()
  thread.failed = !thread.hasHead
  const appended = thread.state.length > thread.head.length
  if (appended || task === 'model') {
    thread.takeIn([])
    thread.go(id, model)
  } else if (task === 'functions') {
    thread.waiting = { runId: id, model }
    thread.runs.set(id, 'requires_action')
  } else thread.runs.set(id, thread.hasHead ? 'completed' : 'failed')
}

/** Ids of the calls that wait, which both dialects must name alike. */
async function openCalls({ both, thread }: Table, runId: string): Promise<string[]> {
  const run = await both.openai.beta.threads.runs.retrieve(runName(runId), { thread_id: threadName(thread.id) })
  const ids = run.required_action?.submit_tool_outputs.tool_calls.map(({ id }) => id)
  const { tasks } = await both.langgraph.threads.getState(thread.id)
  const asked = tasks.flatMap(({ interrupts }) => interrupts.map(({ value }) => value as { tool_calls: { id: string }[] }))
  expect(asked.map((value) => value.tool_calls.map(({ id }) => id))).toEqual([ids ?? []])
  return ids ?? []
}

const answerCalls: Move = async (table) => {
  const { both, chance, thread } = table
  const { waiting } = thread
  if (!waiting) return append(table)
  const said = (await openCalls(table, waiting.runId)).map((id) => ({ tool_call_id: id, output: table.word() }))
  if (chance.is(0.4)) {
    const key = { thread_id: threadName(thread.id), tool_outputs: said }
    await both.openai.beta.threads.runs.submitToolOutputsAndPoll(runName(waiting.runId), key)
    thread.head.push(...said.map(({ output }): Line => ({ kind: 'tool', text: output })))
    return thread.go(waiting.runId, waiting.model)
  }
  const byId = Object.fromEntries(said.map(({ tool_call_id: id, output }) => [id, output]))
  const fits = chance.is(0.8)
  const resume = fits
    ? chance.pick<unknown>([said, byId, { outputs: byId }])
    : chance.pick<unknown>(['no', { [said[0]?.tool_call_id ?? '']: 'x' }, 7])
  const id = await runByLanggraph(table, 'asks', { command: { resume } })
  thread.makeWay()
  if (fits) {
    thread.head.push(...said.map(({ output }): Line => ({ kind: 'tool', text: output })))
    return thread.go(id, 'asks')
  }
  thread.waiting = { runId: id, model: 'asks' }
  thread.runs.set(id, 'requires_action')
}

const cancelWaiting: Move = async (table) => {
  const { both, chance, thread } = table
  const { waiting } = thread
  if (!waiting) return changeMetadata(table)
  // To LangGraph's clients it has ended.
  if (chance.is(0.5)) return both.langgraph.runs.cancel(thread.id, waiting.runId, true)
  await both.openai.beta.threads.runs.cancel(runName(waiting.runId), { thread_id: threadName(thread.id) })
  thread.runs.set(waiting.runId, 'cancelled')
  thread.waiting = undefined
}

/** A run that has said its first word and will say no other. */
async function startSlow(table: Table): Promise<{ id: string; before: { head: Line[]; pending: Line[]; hasHead: boolean } }> {
  const { both, chance, thread } = table
  const text = table.word()
  const before = { head: thread.head, pending: thread.pending, hasHead: thread.hasHead }
  let id = ''
  if (chance.is(0.5) && !thread.waiting) {
    const body = {
      assistant_id: assistantName(assistantOf(table, 'slow')),
      additional_messages: [{ role: 'user' as const, content: text }],
      stream: true as const,
    }
    for await (const { event, data } of await both.openai.beta.threads.runs.create(threadName(thread.id), body)) {
      if (event === 'thread.run.created') id = coreId(data.id)
      if (event === 'thread.message.delta') break
    }
    // Its message is the thread's, whatever becomes of the run.
    before.pending = [...before.pending, user(text)]
  } else {
    const given = { input: asInput([user(text)]), streamMode: 'messages-tuple' as const, onDisconnect: 'continue' as const }
    const stream = both.langgraph.runs.stream(thread.id, assistantOf(table, 'slow'), {
      ...given,
      onRunCreated: (run) => {
        id = run.run_id
      },
    })
    for await (const { event } of stream) if (event === 'messages') break
    thread.makeWay()
  }
  thread.takeIn([user(text)])
  thread.failed = false
  return { id, before }
}

function cutOff(thread: ThreadModel, id: string): void {
  thread.pending = [{ kind: 'assistant', text: 'begun ' }]
  thread.runs.set(id, 'cancelled')
}

const cancelRunning: Move = async (table) => {
  const { both, chance, thread } = table
  const { id, before } = await startSlow(table)
  if (chance.is(0.3)) {
    await both.langgraph.runs.cancel(thread.id, id, true, 'rollback')
    Object.assign(thread, before)
    return
  }
  if (chance.is(0.5)) await both.langgraph.runs.cancel(thread.id, id, true)
  else {
    await both.openai.beta.threads.runs.cancel(runName(id), { thread_id: threadName(thread.id) })
    await both.langgraph.runs.join(thread.id, id)
  }
  cutOff(thread, id)
}

/** A second run meets one at work. */
const comeBetween: Move = async (table) => {
  const { both, chance, thread } = table
  const { id, before } = await startSlow(table)
  const strategy = chance.pick(['reject', 'enqueue', 'interrupt', 'rollback'] as const)
  const text = table.word()
  const payload = { input: asInput([user(text)]), multitaskStrategy: strategy }
  if (strategy === 'reject') {
    expect(await statusOf(both.langgraph.runs.create(thread.id, assistantOf(table, 'echo'), payload))).toBe(409)
    const busy = both.openai.beta.threads.runs.create(threadName(thread.id), { assistant_id: assistantName(assistantOf(table, 'echo')) })
    expect(await statusOf(busy)).toBe(400)
    await both.langgraph.runs.cancel(thread.id, id, true)
    return cutOff(thread, id)
  }
  const next = await both.langgraph.runs.create(thread.id, assistantOf(table, 'echo'), payload)
  if (strategy === 'enqueue') await both.langgraph.runs.cancel(thread.id, id, true)
  await both.langgraph.runs.join(thread.id, next.run_id)
  if (strategy === 'rollback') Object.assign(thread, before)
  else cutOff(thread, id)
  thread.takeIn([user(text)])
  thread.go(next.run_id, 'echo')
}

const checkpointOf = (state: ThreadState): string => state.checkpoint.checkpoint_id ?? ''

/** A past state that the model knows, or undefined. */
async function pickPast({ both, chance, thread }: Table): Promise<{ id: string; lines: Line[]; isHead: boolean } | undefined> {
  const past = await pastOf(both, thread.id)
  const [first, ...more] = past
  const { metadata: _, ...head } = await both.langgraph.threads.getState(thread.id)
  if (!first) return undefined
  const picked = chance.pick([first, ...more])
  return { id: checkpointOf(picked), lines: linesOf(picked.values), isHead: checkpointOf(head as ThreadState) === checkpointOf(picked) }
}

const fork: Move = async (table) => {
  const { chance, thread } = table
  const from = await pickPast(table)
  if (!from) return continueByLanggraph(table)
  const model = chance.pick(MODELS)
  const input = [user(table.word())]
  const place = chance.is(0.5) ? { checkpointId: from.id } : { checkpoint: { checkpoint_id: from.id, checkpoint_ns: '' } }
  const id = await runByLanggraph(table, model, { input: asInput(input), ...place })
  thread.makeWay()
  if (!from.isHead) Object.assign(thread, { head: from.lines, pending: [] })
  thread.takeIn(input)
  thread.go(id, model)
}

/** As if the model had said it: nothing is to come. */
const update: Move = async (table) => {
  const { both, chance, thread } = table
  const from = await pickPast(table)
  if (!from || thread.waiting) return append(table)
  const elsewhere = chance.is(0.4)
  const lines = elsewhere && !from.isHead ? from.lines : thread.state
  const target = lines.filter(({ kind, id, text }) => kind === 'user' && id !== undefined && text !== '').at(chance.between(-2, -1))
  const text = table.word()
  const kind = target && !thread.isGone(target) ? chance.pick(['add', 'edit', 'remove']) : 'add'
  const messages = {
    add: { role: 'user', content: text },
    edit: { role: 'user', content: text, id: target?.id },
    remove: { role: 'remove', content: '', id: target?.id },
  }[kind]
  const place = elsewhere ? { checkpointId: from.id } : {}
  await both.langgraph.threads.updateState(thread.id, { values: { messages: [messages] }, asNode: 'model', ...place })
  const edited = {
    add: [...lines, user(text)],
    edit: lines.map((l) => (l === target ? { ...l, text } : l)),
    remove: lines.filter((l) => l !== target),
  }
  Object.assign(thread, { head: edited[kind as keyof typeof edited], pending: [], hasHead: true })
}

const changeMetadata: Move = async (table) => {
  const { both, chance, thread } = table
  if (chance.is(0.5)) {
    thread.metadata = { label: table.word() }
    await both.openai.beta.threads.update(threadName(thread.id), { metadata: thread.metadata as Record<string, string> })
  } else {
    const merged = { [chance.pick(['label', 'other'])]: chance.pick<unknown>([table.word(), { deep: [1, null] }, 7]) }
    await both.langgraph.threads.update(thread.id, { metadata: merged })
    thread.metadata = { ...thread.metadata, ...merged }
  }
}

const deleteMessage: Move = async (table) => {
  const { both, chance, thread } = table
  const listed = await listedBy(both, thread.id)
  if (listed.length === 0) return append(table)
  const at = chance.between(0, listed.length - 1)
  const line = thread.shown[at]
  await both.openai.beta.threads.messages.delete(listed[at]?.id ?? '', { thread_id: threadName(thread.id) })
  if (line) thread.withdraw(line)
}

/** What becomes of the state depends on all that came after: the model learns it. */
const deleteRun: Move = async (table) => {
  const { both, chance, thread } = table
  const ended = [...thread.runs].filter(([, status]) => status !== 'requires_action').map(([id]) => id)
  const [first, ...more] = ended
  if (!first) return append(table)
  const id = chance.pick([first, ...more])
  const { metadata } = await both.langgraph.threads.getState(thread.id)
  const call = both.langgraph.runs.delete(thread.id, id)
  // Another run waits at its checkpoint.
  if (thread.waiting && metadata?.run_id === id) return expect(await statusOf(call)).toBe(409)
  await call
  thread.runs.delete(id)
  const { values, checkpoint } = await both.langgraph.threads.getState(thread.id)
  Object.assign(thread, { head: linesOf(values), pending: [], hasHead: Boolean(checkpoint?.checkpoint_id), cut: true, failed: false })
  thread.past.clear()
  // Of the state, what no checkpoint names is not known here: a run takes it in.
  if (thread.waiting || thread.state.length === 0) return
  const next = await runByLanggraph(table, 'echo', { input: asInput([user(table.word())]) })
  thread.runs.set(next, 'completed')
  thread.head = linesOf((await both.langgraph.threads.getState(thread.id)).values)
  thread.hasHead = true
}

const copy: Move = async ({ both, thread, add }) => {
  const made = await both.langgraph.threads.copy(thread.id)
  add(thread.copy(made.thread_id))
}

export const MOVES: readonly [Move, ...Move[]] = [
  ...([append, append, runByOpenai, runByOpenai, runByOpenai, continueByLanggraph, continueByLanggraph, continueByLanggraph] as const),
  ...[answerCalls, answerCalls, answerCalls, cancelWaiting, cancelRunning, comeBetween, fork, fork, update, update],
  ...[changeMetadata, deleteMessage, deleteRun, copy],
]
