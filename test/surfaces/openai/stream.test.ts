import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunEvent } from '../../../src/core/runs/events.ts'
import { type Cursor, requireCursor, START } from '../../../src/surfaces/openai/cursor.ts'
import { JSON_LINES, SSE } from '../../../src/surfaces/openai/frame-format.ts'
import { openaiFrames } from '../../../src/surfaces/openai/stream.ts'
import { aRun, aThread, at, IDS, readFrames, type SeenFrame, STORIES, USAGE, whole } from './story.ts'

const GOLDEN = join(import.meta.dir, '../../../../shared/contracts/openai/sse_sequences.json')
const golden = existsSync(GOLDEN)
  ? (JSON.parse(readFileSync(GOLDEN, 'utf8')) as { sequences: Record<string, [string, unknown][]> }).sequences
  : undefined
if (!golden) console.log(`skipped: golden streams need ${GOLDEN}`)

const tell = (events: RunEvent[], after: Cursor = START): SeenFrame[] => {
  const frames = openaiFrames({ run: aRun(), thread: aThread() }, after)
  return readFrames(frames.push(whole(events)) + (frames.ended() ? SSE.done : ''))
}

/** Ids and times are of one run; the golden runs have tools and budgets in their later frames only. */
function neutral(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return key === 'tools' ? [] : value.map((item) => neutral(item))
  if (key.endsWith('_at')) return value === null ? null : 'time'
  if (key === 'max_completion_tokens') return 'budget'
  if (typeof value === 'string') return /^(?:run|thread|asst|step|msg)_/.exec(value)?.[0] ?? value
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, neutral(inner, name)]))
}

describe.skipIf(!golden)('golden streams', () => {
  for (const [name, { events, after }] of Object.entries(STORIES)) {
    test(`the stream of ${name} is the golden one`, () => {
      const told = tell(events, { seq: after ?? 0, part: null }).map(({ event, data }) => [event, neutral(data)])
      expect(told).toEqual((golden?.[name] ?? []).map(([event, data]) => [event, neutral(data)]))
    })
  }
})

const ALL = Object.entries(STORIES)

test('a reader that stopped after any frame sees exactly the frames behind it', () => {
  for (const [, { events }] of ALL) {
    const full = tell(events)
    for (const [i, { id }] of full.entries()) {
      if (id === undefined) continue
      expect(tell(events, requireCursor(id, 'after'))).toEqual(full.slice(i + 1))
    }
  }
})

test('frames do not depend on how events were cut into segments', () => {
  for (const [, { events }] of ALL) {
    const frames = openaiFrames({ run: aRun(), thread: aThread() }, START)
    const text = events.map((event, i) => frames.push({ seq: i + 1, events: [event] })).join('')
    expect(readFrames(text)).toEqual(tell(events).filter(({ event }) => event !== 'done'))
  }
})

test('frames do not depend on how far the run is by now', () => {
  const events = STORIES.plain_text?.events ?? []
  const late = openaiFrames({ run: aRun({ status: 'completed', usage: USAGE, startedAt: at(1), endedAt: at(2) }) }, START)
  expect(readFrames(late.push(whole(events)))).toEqual(tell(events).filter(({ event }) => event !== 'done'))
})

test('every event of the journal ends with a frame that bears its plain number', () => {
  const ids = tell(STORIES.create_thread_and_run?.events ?? []).map(({ id }) => id)
  expect(ids).toEqual(['1.0', '1.1', '1', '2', '3.0', '3.1', '3.2', '3', '4', '5', '6', '7', '8', undefined])
})

test('a stream ends at the end of the run and where the run waits, and nowhere else', () => {
  const frames = openaiFrames({ run: aRun() }, START)
  const ended = STORIES.submit_tool_outputs?.events.map((event, i) => {
    frames.push({ seq: i + 1, events: [event] })
    return frames.ended()
  })
  expect(ended?.flatMap((over, i) => (over ? [i + 1] : []))).toEqual([10, 19])
})

test('a refusal after text is a content part of its own', () => {
  const told = tell([
    { type: 'status', status: 'queued', at: at(0) },
    { type: 'step', id: IDS.step, kind: 'message', messageId: IDS.message, at: at(1) },
    { type: 'text', text: 'Well' },
    { type: 'refusal', text: 'I can' },
    { type: 'refusal', text: 'not.' },
    { type: 'message_end', id: IDS.message, at: at(2) },
  ])
  const deltas = told.filter(({ event }) => event === 'thread.message.delta').map(({ data }) => (data as { delta: object }).delta)
  expect(deltas).toEqual([
    { content: [{ index: 0, type: 'text', text: { value: 'Well', annotations: [] } }] },
    { content: [{ index: 1, type: 'refusal', refusal: 'I can' }] },
    { content: [{ index: 1, type: 'refusal', refusal: 'not.' }] },
  ])
  expect(told.at(-1)?.data).toMatchObject({
    content: [
      { type: 'text', text: { value: 'Well', annotations: [] } },
      { type: 'refusal', refusal: 'I cannot.' },
    ],
  })
})

test('text with line breaks, quotes and separators stays one data line', () => {
  const text = 'a\nb\r\n"c"\u2028d\u0000e'
  const told = tell([
    { type: 'status', status: 'queued', at: at(0) },
    { type: 'step', id: IDS.step, kind: 'message', messageId: IDS.message, at: at(1) },
    { type: 'text', text },
  ])
  expect(told.at(-1)?.data).toMatchObject({ delta: { content: [{ text: { value: text } }] } })
})

test('reasoning and restarts are not shown', () => {
  const told = tell([
    { type: 'status', status: 'queued', at: at(0) },
    { type: 'reasoning', text: 'hm' },
    { type: 'restart', attempt: 2, at: at(1) },
    { type: 'status', status: 'running', at: at(2) },
  ])
  expect(told.map(({ id }) => id)).toEqual(['1.0', '1', '4'])
})

test('a call says its id and its name exactly once', () => {
  const text = JSON.stringify(tell(STORIES.function_parallel_requires_action?.events ?? []).filter(({ event }) => event.endsWith('.delta')))
  expect(text.match(/call_A/g)?.length).toBe(1)
  expect(text.match(/"name"/g)?.length).toBe(2)
  expect(text.match(/"output"/g)?.length).toBe(2)
})

const cite = (text: string, start: number) => ({
  type: 'text' as const,
  text,
  annotations: [
    { type: 'file_citation' as const, text, start_index: start, end_index: start + text.length, file_citation: { file_id: IDS.run } },
  ],
})
const CITING: RunEvent[] = [
  { type: 'status', status: 'queued', at: at(0) },
  { type: 'step', id: IDS.step, kind: 'message', messageId: IDS.message, at: at(1) },
  cite('【0:0†a】', 0),
  { type: 'text', text: ' and ' },
  cite('【0:1†b】', 12),
  { type: 'message_end', id: IDS.message, at: at(2) },
]

test('annotations are numbered within their part, the first delta has its own, and the whole message has them all', () => {
  const told = tell(CITING)
  const texts = told.flatMap(({ event, data }) =>
    event === 'thread.message.delta'
      ? [(data as { delta: { content: { text: { annotations?: { index: number }[] } }[] } }).delta.content[0]?.text]
      : [],
  )
  expect(texts.map((text) => text?.annotations?.map(({ index }) => index))).toEqual([[0], undefined, [1]])
  const whole = told.at(-1)?.data as { content: [{ text: { value: string; annotations: { start_index: number; end_index: number }[] } }] }
  const shown = whole.content[0].text
  const cut = shown.annotations.map(({ start_index, end_index }) => shown.value.slice(start_index, end_index))
  expect(cut).toEqual(['【0:0†a】', '【0:1†b】'])
  expect(JSON.stringify(shown)).not.toContain('"index"')
})

test('a reader that goes on in the middle gets the same annotations as one that saw everything', () => {
  const full = tell(CITING)
  for (const [i, { id }] of full.entries()) expect(tell(CITING, requireCursor(id ?? '', 'after'))).toEqual(full.slice(i + 1))
})

test('the texts that a search found are shown to those who ask for them', () => {
  const events = STORIES.file_search?.events ?? []
  const told = (resultContent: boolean) => openaiFrames({ run: aRun(), view: { resultContent } }, START).push(whole(events))
  expect(told(false)).not.toContain('Thirty days.')
  expect(told(true)).toContain('"content":[{"type":"text","text":"Thirty days."}]')
})

test('a socket gets the same events as JSON texts, one a line', () => {
  const events = STORIES.create_thread_and_run?.events ?? []
  const frames = openaiFrames({ run: aRun(), thread: aThread() }, START, JSON_LINES)
  const lines = (frames.push(whole(events)) + JSON_LINES.done).trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toEqual(
    tell(events).map(({ id, event, data }) => ({ ...(id === undefined ? {} : { id }), event, data })),
  )
})

test('a cursor that is no event id is refused by name', () => {
  for (const text of ['abc', '-1', '1.', '1.2.3', '99999999999', ' 1', '1e3']) {
    expect(() => requireCursor(text, 'Last-Event-ID')).toThrow("Invalid 'Last-Event-ID'")
  }
  expect(requireCursor('12.3', 'after')).toEqual({ seq: 12, part: 3 })
  expect(requireCursor('12', 'after')).toEqual({ seq: 12, part: null })
})
