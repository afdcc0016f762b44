import { Cron } from 'croner'
import { Fault } from '../fault.ts'

/** When a schedule is due. */
export interface Times {
  /** Five fields, or six with seconds before them; or a nickname such as `@daily`. */
  cron: string
  /** IANA name; null: UTC. */
  timezone: string | null
}

const CRON_CHARS_MAX = 256

/** The first time after `after` (milliseconds since the epoch); null: there is none. */
export function nextTime({ cron, timezone }: Times, after: number): number | null {
  const next = new Cron(cron, { mode: '5-or-6-parts', timezone: timezone ?? 'UTC', paused: true }).nextRun(new Date(after))
  return next?.getTime() ?? null
}

/** Throws invalid (param `schedule` or `timezone`). */
export function requireTimes(times: Times): void {
  if (times.timezone !== null && !isTimezone(times.timezone))
    throw new Fault('invalid', `Invalid 'timezone': an IANA name such as Europe/Berlin is expected.`, {
      param: 'timezone',
      reason: 'value',
    })
  try {
    // A date with a time is one occasion to the parser, and no schedule.
    if (times.cron.length > CRON_CHARS_MAX || times.cron.includes(':')) throw new Error('five fields are expected')
    nextTime(times, 0)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^Cron\w+: /, '') : ''
    throw new Fault('invalid', `Invalid 'schedule': ${why}`, { param: 'schedule', reason: 'syntax' })
  }
}

function isTimezone(name: string): boolean {
  // An offset would be taken too, and have no summer time.
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== null
  } catch {
    return false
  }
}
