/** Who was measured: the stub called directly, the floor, our server. */
export const SUBJECTS = ['direct', 'floor', 'ours'] as const
export type Subject = (typeof SUBJECTS)[number]

export interface Metric {
  name: string
  unit: string
  /** One value a round; NaN where a round failed. Equal places belong to the same round. */
  rounds: Partial<Record<Subject, number[]>>
}

export interface Tally {
  operations: number
  errors: number
  firstError?: string
}

/** Everything measured so far, in the order in which it was first measured. */
export class Measurements {
  private readonly metrics = new Map<string, Metric>()
  private readonly tallies = new Map<string, Partial<Record<Subject, Tally>>>()

  add(name: string, unit: string, values: Partial<Record<Subject, number>>): void {
    const metric = this.metrics.get(name) ?? { name, unit, rounds: {} }
    this.metrics.set(name, metric)
    for (const subject of SUBJECTS) {
      const value = values[subject]
      if (value === undefined) continue
      const rounds = metric.rounds[subject] ?? []
      rounds.push(value)
      metric.rounds[subject] = rounds
    }
  }

  count(scenario: string, subject: Subject, { operations, errors, firstError }: Tally): void {
    const tallies = this.tallies.get(scenario) ?? {}
    this.tallies.set(scenario, tallies)
    const tally = tallies[subject] ?? { operations: 0, errors: 0 }
    tallies[subject] = tally
    tally.operations += operations
    tally.errors += errors
    if (firstError !== undefined) tally.firstError ??= firstError
  }

  all(): Metric[] {
    return [...this.metrics.values()]
  }

  counts(): [scenario: string, tallies: Partial<Record<Subject, Tally>>][] {
    return [...this.tallies]
  }

  errors(): number {
    return this.counts().reduce((sum, [, tallies]) => sum + SUBJECTS.reduce((n, subject) => n + (tallies[subject]?.errors ?? 0), 0), 0)
  }
}
