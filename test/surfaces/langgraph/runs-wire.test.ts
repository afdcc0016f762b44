import { describe, expect, test } from 'bun:test'
import { type RunStatus, TRANSITIONS } from '../../../src/core/runs/status.ts'
import { Refusal, requireValid } from '../../../src/surfaces/langgraph/refusal.ts'
import { BatchBody, RunBody, withSnakeNames } from '../../../src/surfaces/langgraph/run-body.wire.ts'
import { fromStatus, WIRE_STATUSES } from '../../../src/surfaces/langgraph/run-status.ts'
import { fromRunBody, graphHeaders, toRun } from '../../../src/surfaces/langgraph/runs.wire.ts'
import { aRun, IDS } from '../openai/story.ts'
import { aCall } from './story.ts'

const CHECKPOINT = '1ef4a9b8-d7da-679a-a45a-872054341df2'

function read(fields: object, place: { threadId?: string | null; headers?: Record<string, string> } = {}) {
  const body = { assistant_id: 'agent', ...fields }
  requireValid(RunBody, body, 'body')
  return fromRunBody(body as RunBody, {
    threadId: place.threadId === undefined ? IDS.thread : place.threadId,
    headers: new Headers(place.headers),
  })
}

/** Where the mistake is. */
function refused(fields: object, place?: Parameters<typeof read>[1]): string {
  try {
    read(fields, place)
  } catch (error) {
    if (error instanceof Refusal && typeof error.detail !== 'string') return error.detail[0]?.loc.join('.') ?? ''
    throw error
  }
  throw new Error('not refused')
}

test('a body that says nothing goes on where the graph stands and records values', () => {
  expect(read({})).toEqual({
    call: {
      ...{ input: null, command: null, config: {}, modes: ['values'], subgraphs: false, resumable: false },
      ...{ interruptBefore: null, interruptAfter: null, checkpoint: null, durability: 'async', webhook: null },
    },
  })
})

test('null means the same as nothing', () => {
  const nothing = Object.fromEntries(Object.keys(RunBody.properties).map((name) => [name, null]))
  expect(read({ ...nothing, assistant_id: 'agent' })).toEqual(read({}))
})

test('modes are one, several or none; the same twice counts once', () => {
  const modes = (stream_mode: unknown) => read({ stream_mode }).call.modes
  expect(modes('updates')).toEqual(['updates'])
  expect(modes(['messages-tuple', 'values', 'values'])).toEqual(['messages-tuple', 'values'])
  expect(modes([])).toEqual(['values'])
  expect(refused({ stream_mode: 'everything' })).toBe('body.stream_mode')
})

test('a command keeps what it names; what is null is not said, but an answer may be null', () => {
  const command = (given: object) => read({ command: given }).call.command
  expect(command({ resume: { ok: true }, update: null, goto: null })).toEqual({ resume: { ok: true } })
  expect(command({ resume: null })).toEqual({ resume: null })
  expect(command({ update: [['a', 1]], goto: [{ node: 'n', input: 1 }, 'm'] })).toEqual({
    update: [['a', 1]],
    goto: [{ node: 'n', input: 1 }, 'm'],
  })
  expect(command({})).toBeNull()
  expect(refused({ command: { goto: 7 } })).toBe('body.command.goto')
})

describe('the checkpoint to go on from', () => {
  const at = (fields: object) => read(fields).call
  test('is named at three places, and leaves the config', () => {
    expect(at({ checkpoint_id: CHECKPOINT.toUpperCase() }).checkpoint).toEqual({ id: CHECKPOINT })
    expect(at({ checkpoint: { checkpoint_id: CHECKPOINT, checkpoint_ns: 'a:1', checkpoint_map: null } }).checkpoint).toEqual({
      id: CHECKPOINT,
      ns: 'a:1',
    })
    const { checkpoint, config } = at({ config: { configurable: { checkpoint_id: CHECKPOINT, checkpoint_ns: '', user: 1 } } })
    expect(checkpoint).toEqual({ id: CHECKPOINT })
    expect(config).toEqual({ configurable: { user: 1 } })
  })
  test('cannot be one of another thread', () => {
    expect(refused({ checkpoint: { thread_id: IDS.run, checkpoint_id: CHECKPOINT } })).toBe('body.checkpoint.thread_id')
    expect(at({ checkpoint: { thread_id: IDS.thread, checkpoint_id: CHECKPOINT } }).checkpoint).toEqual({ id: CHECKPOINT })
  })
  test('must be a UUID wherever it is named', () => {
    expect(refused({ checkpoint_id: 'first' })).toBe('body.checkpoint_id')
    expect(refused({ checkpoint: { checkpoint_id: 'first' } })).toBe('body.checkpoint.checkpoint_id')
    expect(refused({ config: { configurable: { checkpoint_id: 7 } } })).toBe('body.config.configurable.checkpoint_id')
  })
  test('is not named by a map', () => {
    expect(refused({ checkpoint: { checkpoint_map: { '': CHECKPOINT } } })).toBe('body.checkpoint.checkpoint_map')
  })
})

test('durability has an older name', () => {
  const durability = (fields: object) => read(fields).call.durability
  expect(durability({ checkpoint_during: false })).toBe('exit')
  expect(durability({ checkpoint_during: true })).toBe('async')
  expect(durability({ checkpoint_during: false, durability: 'sync' })).toBe('sync')
})

test('breakpoints are nodes or all of them', () => {
  const call = (nodes: unknown) => read({ interrupt_before: nodes }).call.interruptBefore
  expect([call('*'), call(['a', 'b']), call(['a', '*']), call([])]).toEqual(['*', ['a', 'b'], '*', null])
  expect(refused({ interrupt_after: 'all' })).toBe('body.interrupt_after')
})

test('a delay is in seconds', () => {
  expect(read({ after_seconds: 1.5 }).delayMs).toBe(1500)
  expect(refused({ after_seconds: -1 })).toBe('body.after_seconds')
})

test('the thread of a run that has one is not deleted after it', () => {
  expect(refused({ on_completion: 'delete' })).toBe('body.on_completion')
  expect(() => read({ on_completion: 'delete' }, { threadId: null })).not.toThrow()
})

test('unknown fields are ignored, those of LangSmith too', () => {
  expect(read({ strict_resume: true, langsmith_tracer: { project_name: 'p' }, feedback_keys: ['k'], other: 1 })).toEqual(read({}))
})

test('headers for the graph are its configurable, and win over the body', () => {
  const headers = {
    'X-User': 'ada',
    'user-agent': 'ua',
    'x-api-key': 'secret',
    'x-tenant-id': 't',
    authorization: 'Bearer secret',
    accept: '*/*',
  }
  expect(graphHeaders(new Headers(headers))).toEqual({ 'x-user': 'ada', 'user-agent': 'ua' })
  const { config } = read({ config: { tags: ['t'], configurable: { 'x-user': 'eve', other: 1 } } }, { headers }).call
  expect(config).toEqual({ tags: ['t'], configurable: { 'x-user': 'ada', 'user-agent': 'ua', other: 1 } })
})

test('items of a batch are read in both spellings, the one of the wire first', () => {
  expect(withSnakeNames({ assistantId: 'a', assistant_id: 'b', streamMode: 'values', ifNotExists: 'create', other: 1 })).toEqual({
    assistant_id: 'b',
    stream_mode: 'values',
    if_not_exists: 'create',
    other: 1,
  })
  expect(() => requireValid(BatchBody, [], 'body')).toThrow(Refusal)
})

test('a filter by any status of the wire means some of the house, and together all of them', () => {
  const inner = Object.keys(TRANSITIONS) as RunStatus[]
  for (const status of WIRE_STATUSES) expect(fromStatus(status)).not.toBeEmpty()
  expect(WIRE_STATUSES.flatMap(fromStatus).toSorted()).toEqual(inner.toSorted())
  expect(fromStatus('success').toSorted()).toEqual(['completed', 'incomplete', 'waiting'])
})

test('a run shows how its graph is called, with the ids that the graph sees', () => {
  const call = aCall({
    config: { tags: ['t'], configurable: { user: 1 } },
    checkpoint: { id: CHECKPOINT },
    interruptBefore: '*',
    modes: ['updates'],
  })
  const { kwargs } = toRun(aRun({ call, metadata: { m: 1 } }))
  const ids = { run_id: IDS.run, thread_id: IDS.thread, assistant_id: IDS.assistant, graph_id: 'agent' }
  expect(kwargs).toMatchObject({
    config: { tags: ['t'], configurable: { user: 1, checkpoint_id: CHECKPOINT, ...ids }, metadata: { m: 1 } },
    ...{ stream_mode: ['updates'], interrupt_before: '*', temporary: false, subgraphs: false, resumable: false },
  })
  expect(Object.keys(kwargs)).not.toContain('webhook')
})

test('a run of another dialect is a run here too', () => {
  expect(toRun(aRun({ status: 'waiting' }))).toMatchObject({ status: 'success', kwargs: { input: null, stream_mode: [] } })
})
