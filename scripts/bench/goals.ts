import type { Metric, Subject } from './measurements.ts'
import { median } from './statistics.ts'

/** How the measured server is judged: alone, as a multiple of another, or by what it adds to it. */
export interface Goal {
  metric: RegExp
  compare: 'alone' | 'times' | 'plus'
  to?: Exclude<Subject, 'ours'>
  better: 'more' | 'less'
  gate: number
  stretch?: number
  unit: string
  /** The sources start slower and share Bun's pages with the bench, so there it says nothing. */
  executableOnly?: true
}

/** Gates and stretches of the anchors measured before the server was written; start and memory have no stretch. */
export const GOALS: Goal[] = [
  { metric: /^create .* c=(16|64)$/, compare: 'times', to: 'floor', better: 'more', gate: 0.5, stretch: 0.7, unit: 'x' },
  { metric: /^streamed runs c=(16|64)$/, compare: 'times', to: 'floor', better: 'more', gate: 0.4, stretch: 0.6, unit: 'x' },
  { metric: /^first delta$/, compare: 'plus', to: 'floor', better: 'less', gate: 5, stretch: 2, unit: 'ms' },
  { metric: /^token at full speed$/, compare: 'plus', to: 'direct', better: 'less', gate: 15, stretch: 5, unit: 'us' },
  { metric: /^200 tokens 5 ms apart$/, compare: 'times', to: 'direct', better: 'less', gate: 1.05, stretch: 1.03, unit: 'x' },
  { metric: /^cold start, empty data folder$/, compare: 'alone', better: 'less', gate: 2500, unit: 'ms', executableOnly: true },
  { metric: /^cold start, existing data folder$/, compare: 'alone', better: 'less', gate: 500, unit: 'ms', executableOnly: true },
  { metric: /^memory idle$/, compare: 'alone', better: 'less', gate: 160, unit: 'MB', executableOnly: true },
  { metric: /^memory 200 streams$/, compare: 'alone', better: 'less', gate: 400, unit: 'MB', executableOnly: true },
]

export const goalOf = ({ name }: Metric, kind: 'executable' | 'sources'): Goal | undefined =>
  GOALS.find(({ metric, executableOnly }) => metric.test(name) && (kind === 'executable' || !executableOnly))

/** Round by round, so that what slowed one round down slowed both sides of its quotient down. */
export function compared({ rounds }: Metric, compare: Goal['compare'], to: Subject | undefined): number {
  const ours = rounds.ours ?? []
  if (compare === 'alone' || to === undefined) return median(ours)
  const other = rounds[to] ?? []
  return median(ours.map((value, i) => (compare === 'times' ? value / (other[i] ?? Number.NaN) : value - (other[i] ?? Number.NaN))))
}

export type Verdict = 'stretch' | 'gate' | 'miss' | 'unknown'

export function judge(value: number, { better, gate, stretch }: Goal): Verdict {
  if (!Number.isFinite(value)) return 'unknown'
  const reaches = (mark: number): boolean => (better === 'more' ? value >= mark : value <= mark)
  if (stretch !== undefined && reaches(stretch)) return 'stretch'
  return reaches(gate) ? 'gate' : 'miss'
}
