import { Fault } from '../fault.ts'
import { PASSWORD_MAX } from './hashing.ts'
import { StrengthMeter } from './strength-meter.ts'

export const PASSWORD_MIN = 14
const CLASSES_MIN = 2
const SCORE_MIN = 3
const HINTS_MAX = 20
const HINT_MAX = 64

/** Letters of scripts without cases count as small ones. */
const CLASSES = [/[\p{Lu}\p{Lt}]/u, /[\p{Ll}\p{Lm}\p{Lo}]/u, /\p{N}/u, /[^\p{L}\p{N}\p{M}]/u]

/** Whose password it is to be; `param` names the field it came in. */
export interface About {
  email?: string
  name?: string | null
  param?: string
}

const meter = new StrengthMeter()

/**
 * Throws invalid with all that is missing, and never with a part of the password. Length and classes are looked at first,
 * as they are told at once; then how soon somebody who knows the person would guess it. Throws unavailable.
 */
export async function requirePassword(password: string, about: About): Promise<void> {
  const flaw = formFlaw(password) ?? (await weakness(password, about))
  if (flaw !== undefined) throw new Fault('invalid', flaw, { param: about.param ?? 'password', reason: 'value' })
}

function formFlaw(password: string): string | undefined {
  if (password.length > PASSWORD_MAX) return `A password has at most ${PASSWORD_MAX} characters.`
  const classes = CLASSES.filter((letters) => letters.test(password)).length
  const missing = [
    ...([...password].length < PASSWORD_MIN ? [`at least ${PASSWORD_MIN} characters`] : []),
    ...(classes < CLASSES_MIN ? ['two of these: small letters, capital letters, digits, other characters such as spaces'] : []),
  ]
  return missing.length > 0 ? `A password needs ${missing.join(', and ')}.` : undefined
}

async function weakness(password: string, about: About): Promise<string | undefined> {
  const { score, advice } = await meter.measure({ password, hints: hintsOf(about) })
  if (score >= SCORE_MIN) return undefined
  return ['This password is too easy to guess.', ...advice].join(' ')
}

/** What somebody who knows the person would try, as a whole and in its parts. */
function hintsOf({ email = '', name }: About): string[] {
  const words = [email, ...email.split('@'), ...email.split(/[@.+_-]/), name ?? '', ...(name ?? '').split(/\s+/)]
  const hints = words.map((word) => word.toLowerCase().slice(0, HINT_MAX)).filter((word) => word.length > 2)
  return [...new Set(hints)].slice(0, HINTS_MAX)
}
