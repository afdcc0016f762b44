import { compared, type Goal, goalOf, judge, type Verdict } from './goals.ts'
import { type Measurements, type Metric, SUBJECTS, type Subject } from './measurements.ts'
import { median, rounded } from './statistics.ts'

type Kind = 'executable' | 'sources'

interface Judged {
  compare: Goal['compare']
  to: Subject | null
  value: number
  unit: string
  gate: number
  stretch: number | null
  verdict: Verdict
}

export interface Row {
  name: string
  unit: string
  medians: Partial<Record<Subject, number>>
  max: Partial<Record<Subject, number>>
  rounds: Partial<Record<Subject, number[]>>
  /** Ours over the floor, the median over the rounds. */
  overFloor: number | null
  judged: Judged | null
}

const mapped = <T, U>(values: Partial<Record<Subject, T>>, change: (value: T) => U): Partial<Record<Subject, U>> =>
  Object.fromEntries(Object.entries(values).map(([subject, value]) => [subject, change(value)]))

const orNull = (value: number): number | null => (Number.isFinite(value) ? rounded(value) : null)

export const rowsOf = (measurements: Measurements, kind: Kind): Row[] => measurements.all().map((metric) => rowOf(metric, kind))

function rowOf(metric: Metric, kind: Kind): Row {
  const { name, unit, rounds } = metric
  const goal = goalOf(metric, kind)
  return {
    name,
    unit,
    medians: mapped(rounds, (values) => rounded(median(values))),
    max: mapped(rounds, (values) => rounded(Math.max(...values.filter(Number.isFinite)))),
    rounds: mapped(rounds, (values) => values.map(rounded)),
    overFloor: rounds.floor ? orNull(compared(metric, 'times', 'floor')) : null,
    judged: goal ? judgedBy(metric, goal) : null,
  }
}

function judgedBy(metric: Metric, goal: Goal): Judged {
  const { compare, to = null, unit, gate, stretch = null } = goal
  const value = rounded(compared(metric, compare, to ?? undefined))
  return { compare, to, value, unit, gate, stretch, verdict: judge(value, goal) }
}

const shown = (value: number | null | undefined): string =>
  value === undefined || value === null || !Number.isFinite(value) ? '-' : String(value)

const SIGNS = { alone: '', times: '/', plus: '-' }
const VERDICTS: Record<Verdict, string> = { stretch: 'pass, stretch', gate: 'pass', miss: 'MISS', unknown: 'not measured' }

function cellsOf({ name, unit, medians, max, overFloor, judged }: Row): string[] {
  const plain = [unit === '' ? name : `${name} (${unit})`, ...SUBJECTS.map((subject) => shown(medians[subject])), shown(max.ours)]
  if (!judged) return [...plain, overFloor === null ? '' : `${overFloor}x floor`, '', '', '']
  const { compare, to, value, gate, stretch, verdict } = judged
  const sign = SIGNS[compare]
  return [
    ...plain,
    `${shown(value)} ${judged.unit}${to === null ? '' : ` ours${sign}${to}`}`,
    shown(gate),
    shown(stretch),
    VERDICTS[verdict],
  ]
}

const HEAD = ['median of the rounds', ...SUBJECTS, 'ours max', 'judged', 'gate', 'stretch', 'verdict']
/** Columns of text stand left, numbers right. */
const isLeft = (column: number): boolean => column === 0 || column === 5 || column === 8

function table(rows: Row[]): string {
  const lines = [HEAD, ...rows.map(cellsOf)]
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const pad = (cell: string, column: number): string =>
    isLeft(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n')
}

/** What has a gate, then everything else. */
export function report(rows: Row[]): string {
  const judged = rows.filter((row) => row.judged)
  const others = rows.filter((row) => !row.judged)
  const held = judged.filter(({ judged }) => judged?.verdict === 'gate' || judged?.verdict === 'stretch').length
  const tables = [judged, others].filter((part) => part.length > 0).map(table)
  return [...tables, `${held} of ${judged.length} gates hold.`].join('\n\n')
}

/** What went wrong, one line each. */
export function failures(measurements: Measurements): string[] {
  return measurements.counts().flatMap(([scenario, tallies]) =>
    SUBJECTS.flatMap((subject) => {
      const tally = tallies[subject]
      return tally && tally.errors > 0 ? [`${scenario}, ${subject}: ${tally.errors} errors, first: ${tally.firstError}`] : []
    }),
  )
}
