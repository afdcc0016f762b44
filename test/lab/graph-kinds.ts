import type { JsonObject } from '../../src/core/json.ts'
import type { Chance } from './chance.ts'

/** What a run of the lab is to do, and which lines it leaves; see graph-project. */
export interface Task {
  graph: 'work' | 'fan' | 'ask' | 'nest' | 'boom' | 'assistant'
  tag: string
  input: JsonObject
  /** The lines of a run that comes to its end, or to its question. */
  lines: string[]
  /** Behind the question, where there is one. */
  answered?: (answer: string) => string[]
  fails?: boolean
  /** Absent: as the server does it. */
  durability?: 'exit'
}

const inputOf = (tag: string, rest: JsonObject): JsonObject => ({
  ...{ tag, done: 0, gate: null, asks: false, steps: 1, lines: [tag], messages: [{ role: 'user', id: tag, content: tag }] },
  ...rest,
})

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

export function workTask(tag: string, { steps, pauseMs, gate = null }: { steps: number; pauseMs: number; gate?: string | null }): Task {
  const input = inputOf(tag, { steps, pause_ms: pauseMs, gate })
  return { graph: 'work', tag, input, lines: [tag, ...numbers(steps).map((n) => `${tag}/${n}`)] }
}

export function fanTask(tag: string, { steps, pauseMs }: { steps: number; pauseMs: number }): Task {
  const input = inputOf(tag, { steps, pause_ms: pauseMs })
  return { graph: 'fan', tag, input, lines: [tag, ...numbers(steps).map((n) => `${tag}/${n}`), `${tag}/gather`] }
}

export function nestTask(tag: string, { asks, pauseMs }: { asks: boolean; pauseMs: number }): Task {
  const input = inputOf(tag, { asks, pause_ms: pauseMs })
  const open = [tag, `${tag}/open`]
  if (!asks) return { graph: 'nest', tag, input, lines: [...open, `${tag}/first+last`] }
  return { graph: 'nest', tag, input, lines: open, answered: (answer) => [`${tag}/first+${answer}+last`] }
}

export function askTask(tag: string, pauseMs: number): Task {
  const answered = (answer: string): string[] => [`${tag}/${answer}`, `${tag}/act`]
  return { graph: 'ask', tag, input: inputOf(tag, { pause_ms: pauseMs }), lines: [tag, `${tag}/plan`], answered }
}

export const boomTask = (tag: string, pauseMs: number): Task => ({
  ...{ graph: 'boom', tag, input: inputOf(tag, { pause_ms: pauseMs }), lines: [tag, `${tag}/tick`], fails: true },
})

/** Work that lasts from some milliseconds to more than a second. */
export function anyTask(tag: string, chance: Chance): Task {
  const pauseMs = chance.pick([2, 10, 40, 120, 250] as const)
  const one = chance.next()
  if (one < 0.5) return workTask(tag, { steps: chance.between(1, 8), pauseMs })
  if (one < 0.65) return fanTask(tag, { steps: chance.between(2, 4), pauseMs })
  if (one < 0.8) return nestTask(tag, { asks: false, pauseMs })
  if (one < 0.95) return workTask(tag, { steps: chance.between(10, 20), pauseMs: 5 })
  return boomTask(tag, pauseMs)
}

export const askingTask = (tag: string, chance: Chance): Task => {
  const pauseMs = chance.pick([2, 20, 120] as const)
  return chance.is(0.5) ? askTask(tag, pauseMs) : nestTask(tag, { asks: true, pauseMs })
}
