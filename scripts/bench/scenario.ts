import type { Child, Tested } from './children.ts'
import type { Measurements } from './measurements.ts'

export interface Options {
  rounds: number
  durationMs: number
  /** How long the many streams of the memory scenario last. */
  holdMs: number
  streams: number
  coldStarts: number
  settleMs: number
}

export interface Bench {
  tested: Tested
  options: Options
  measurements: Measurements
  stub: Child
  /** Says on the terminal what is going on. */
  progress(text: string): void
}

/** The two servers that scenarios visit in turn. */
export interface Pair {
  floor: Child
  ours: Child
}

export const IN_TURN = ['floor', 'ours'] as const

/** Measures with servers of its own. */
export interface LoneScenario {
  name: string
  run(bench: Bench): Promise<void>
}

/** One visit to each of the pair; called once a round. */
export interface PairScenario {
  name: string
  round(bench: Bench, pair: Pair): Promise<void>
}
