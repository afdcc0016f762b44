import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import { adjacencyGraphs, dictionary as anyLanguage } from '@zxcvbn-ts/language-common'
import { dictionary as english, translations } from '@zxcvbn-ts/language-en'

/** What a password is asked with, and the words that those who guess would try first. */
export interface StrengthRequest {
  password: string
  hints: string[]
}

/** From 0, guessed at once, to 4; `advice` are sentences on what is weak about it, without any part of it. */
export interface Strength {
  score: number
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

const meter = new ZxcvbnFactory({
  dictionary: { ...anyLanguage, ...english },
  graphs: adjacencyGraphs,
  translations,
  maxLength: CHARACTERS_MAX,
  l33tMaxSubstitutions: SPELLINGS_MAX,
})

export function strengthOf({ password, hints }: StrengthRequest): Strength {
  const { score, feedback } = meter.check(password, hints)
  return {
    score,
    advice: [feedback.warning, ...feedback.suggestions].filter((text) => typeof text === 'string' && text !== '') as string[],
  }
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
