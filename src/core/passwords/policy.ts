import { Fault } from '../fault.ts'
import { PASSWORD_MAX, spelled } from './hashing.ts'
import { StrengthMeter } from './strength-meter.ts'

export const PASSWORD_MIN = 14
const CLASSES_MIN = 2
/**
 * As a power of ten: a month and more of guessing at a stolen hash, ten thousand times a second. Random text of the least
 * length has 11 and more, four words from a list of 7776 have 12 and more; what we know as bad has 10 and less.
 */
const GUESSES_LOG10_MIN = 10.5
const HINTS_MAX = 40
const HINT_MAX = 64
/** What this program is called: it stands on every page that asks for a password. */
const PRODUCT = 'tetraport'

/** Letters of scripts without cases count as small ones. */
const CLASSES = [/[\p{Lu}\p{Lt}]/u, /[\p{Ll}\p{Lm}\p{Lo}]/u, /\p{N}/u, /[^\p{L}\p{N}\p{M}]/u]

const NO_WORD = /[^\p{L}\p{M}\p{N}]+/gu

/** Whose password it is to be; `param` names the field it came in. */
export interface About {
  email?: string
  /** What the person and the tenants are called. */
  names?: readonly (string | null)[]
  param?: string
}

const meter = new StrengthMeter()

/**
 * Throws invalid with all that is missing, and never with a part of the password. Length and classes are looked at first,
 * as they are told at once; then how soon somebody who knows the person would guess it. Throws unavailable.
 */
export async function requirePassword(password: string, about: About): Promise<void> {
  const flaw = formFlaw(password) ?? (await weakness(spelled(password), about))
  if (flaw !== undefined) throw new Fault('invalid', flaw, { param: about.param ?? 'password', reason: 'value' })
}

function formFlaw(password: string): string | undefined {
  if (password.length > PASSWORD_MAX) return `A password has at most ${PASSWORD_MAX} characters.`
  const text = spelled(password)
  const classes = CLASSES.filter((letters) => letters.test(text)).length
  const missing = [
    ...([...text].length < PASSWORD_MIN ? [`at least ${PASSWORD_MIN} characters`] : []),
    ...(classes < CLASSES_MIN ? ['two of these: small letters, capital letters, digits, other characters such as spaces'] : []),
  ]
  return missing.length > 0 ? `A password needs ${missing.join(', and ')}.` : undefined
}

async function weakness(password: string, about: About): Promise<string | undefined> {
  const { guessesLog10, advice } = await meter.measure({ password, hints: hintsOf(about) })
  if (guessesLog10 >= GUESSES_LOG10_MIN) return undefined
  return ['This password is too easy to guess.', ...advice].join(' ')
}

/** What somebody who knows the person would try, as a whole, in its parts and in one word. */
function hintsOf({ email = '', names = [] }: About): string[] {
  const known = [PRODUCT, email, ...email.split('@'), ...names.map((name) => name ?? '')]
  const words = known.flatMap((text) => [text, ...text.split(NO_WORD), text.replaceAll(NO_WORD, '')])
  const hints = words.map((word) => word.toLowerCase().slice(0, HINT_MAX)).filter((word) => word.length > 2)
  return [...new Set(hints)].slice(0, HINTS_MAX)
}
