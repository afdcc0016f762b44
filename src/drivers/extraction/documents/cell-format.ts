/** How a number in a cell is shown, as far as it changes what the number means. */
export type CellFormat = 'number' | 'percent' | 'date' | 'time' | 'date-time'

/** Formats that have no code in the file, ECMA-376 part 1, 18.8.30; 27 to 36 and 50 to 58 are dates of East Asia. */
const BUILT_IN: [from: number, to: number, format: CellFormat][] = [
  [9, 10, 'percent'],
  [14, 17, 'date'],
  [18, 21, 'time'],
  [22, 22, 'date-time'],
  [27, 36, 'date'],
  [45, 47, 'time'],
  [50, 58, 'date'],
]

export function formatOf(id: number, code: string | undefined): CellFormat {
  if (code === undefined) return BUILT_IN.find(([from, to]) => id >= from && id <= to)?.[2] ?? 'number'
  // Quoted and escaped characters are text; colours and locales stand in brackets, elapsed hours too.
  const bare = code.replace(/"[^"]*"|\\.|_.|\*./g, '').replace(/\[(?!h+\]|m+\]|s+\])[^\]]*\]/gi, '')
  const first = bare.split(';')[0] ?? ''
  if (first.includes('%')) return 'percent'
  const hasDate = /[yd]|m{3}/i.test(first)
  const hasTime = /[hs]/i.test(first)
  if (hasDate) return hasTime ? 'date-time' : 'date'
  if (hasTime) return 'time'
  return /m/i.test(first) ? 'date' : 'number'
}

const DAY_MS = 86_400_000
/** Day 0 of the two calendars: Excel believes that 1900 had a 29 February, so its days before that are one off. */
const DAY_ZERO = { from1900: Date.UTC(1899, 11, 30), from1904: Date.UTC(1904, 0, 1) }
/** 9999-12-31. */
const DAYS_MAX = 2_958_466

/** Text of a number as it is stored; what is no number stays as it is. */
export function formatNumber(stored: string, format: CellFormat, from1904: boolean): string {
  const value = Number(stored)
  if (!Number.isFinite(value)) return stored
  if (format === 'percent') return `${rounded(value * 100)}%`
  if (format === 'number' || value < 0 || value >= DAYS_MAX) return rounded(value)
  const at = new Date(Math.round((value * DAY_MS) / 1000) * 1000 + (from1904 ? DAY_ZERO.from1904 : DAY_ZERO.from1900)).toISOString()
  if (format === 'time' && value < 1) return at.slice(11, 19)
  if (format === 'date') return at.slice(0, 10)
  return `${at.slice(0, 10)} ${at.slice(11, 19)}`
}

/** Excel counts with 15 digits; what comes after is the noise of binary fractions. */
const rounded = (value: number): string => String(Number(value.toPrecision(15)))
