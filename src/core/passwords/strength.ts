import { Options } from '@zxcvbn-ts/core'
import Feedback from '@zxcvbn-ts/core/dist/Feedback'
import Matching from '@zxcvbn-ts/core/dist/Matching'
import Scoring from '@zxcvbn-ts/core/dist/scoring/index'
import type { MatchEstimated, MatchExtended } from '@zxcvbn-ts/core/dist/types'
import { adjacencyGraphs, dictionary as anyLanguage } from '@zxcvbn-ts/language-common'
import { dictionary as english, translations } from '@zxcvbn-ts/language-en'

/** What a password is asked with, and the words that those who guess would try first. */
export interface StrengthRequest {
  password: string
  hints: string[]
}

export interface Strength {
  /** How many guesses it takes somebody who tries what people choose first, as a power of ten. */
  guessesLog10: number
  /** Sentences on what is weak about it, without any part of it. */
  advice: string[]
}

declare const self: Worker

/**
 * The time to look grows with the square of the length: some 0.1 s for these, 0.7 s for twice as many. The beginning of a
 * long password is never stronger than the whole.
 */
const CHARACTERS_MAX = 64
/** Spellings such as `p4ssw0rd` that are tried; more found no more in our samples. */
const SPELLINGS_MAX = 10
/** Of the library's scores the highest that it has advice for. */
const WEAK = 2

const options = new Options({
  dictionary: { ...anyLanguage, ...english },
  graphs: adjacencyGraphs,
  translations,
  l33tMaxSubstitutions: SPELLINGS_MAX,
})
const matching = new Matching(options)
const scoring = new Scoring(options)
const feedback = new Feedback(options)

interface Reading {
  guessesLog10: number
  sequence: MatchEstimated[]
}

/** The weaker of two readings: as it stands, and without what people put between and behind words. */
export function strengthOf({ password, hints }: StrengthRequest): Strength {
  const whole = read(password, hints)
  const bare = withoutSigns(password, hints)
  const { guessesLog10, sequence } = bare && bare.guessesLog10 < whole.guessesLog10 ? bare : whole
  const { warning, suggestions } = feedback.getFeedback(WEAK, sequence)
  return { guessesLog10, advice: [warning, ...suggestions].filter((text) => typeof text === 'string' && text !== '') as string[] }
}

/**
 * `true`: without the ten thousand guesses that zxcvbn adds for every further piece. With them nothing of three pieces is
 * below its score 3, be it `Summer2026!!!!`.
 */
function read(password: string, hints: string[]): Reading {
  const text = password.slice(0, CHARACTERS_MAX)
  // Only matchers that wait answer a promise; there is none here.
  const matches = matching.match(text, options.getUserInputsOptions(hints)) as MatchExtended[]
  return scoring.mostGuessableMatchSequence(text, matches, true)
}

const SIGN = /[^\p{L}\p{M}\p{N}]/gu
/** As zxcvbn counts a character that it can make nothing of. */
const SIGN_LOG10 = 1

/**
 * So words that follow each other are seen as such, and repeated ones as repeated. Every kind of sign has to be guessed
 * once. Where most of it is signs, they are not what stands between: that is random text.
 */
function withoutSigns(password: string, hints: string[]): Reading | undefined {
  const signs = password.match(SIGN)
  const bare = password.replace(SIGN, '')
  if (signs === null || signs.length > bare.length) return undefined
  const { guessesLog10, sequence } = read(bare, hints)
  return { guessesLog10: guessesLog10 + SIGN_LOG10 * new Set(signs).size, sequence }
}

// Run as a thread (strength-meter.ts): the words take 0.25 s to read and 100 MB.
if (!Bun.isMainThread)
  self.onmessage = ({ data }: MessageEvent<{ call: number; request: StrengthRequest }>) => {
    try {
      self.postMessage({ call: data.call, strength: strengthOf(data.request) })
    } catch (error) {
      // Of the error only its kind: its text may hold the password.
      self.postMessage({ call: data.call, error: error instanceof Error ? error.name : 'error' })
    }
  }
