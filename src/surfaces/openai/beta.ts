import { type Static, Type as t } from '@sinclair/typebox'
import type { Config } from '../../config.ts'
import { Refusal } from './refusal.ts'

const KNOWN_BETAS = ['assistants=v2']
const BETA = /^[a-z0-9_-]+=v[0-9]+$/i

export type BetaRule = Config['openai']['betaHeader']

export const BetaHeaders = t.Object({ 'OpenAI-Beta': t.Optional(t.String({ default: 'assistants=v2' })) })
export type BetaHeaders = Static<typeof BetaHeaders>

const invalidBeta = (message: string): Refusal => new Refusal(400, { message, code: 'invalid_beta' })

/** Throws a Refusal for a header that real clients never send, and for none where the configuration demands one. */
export function requireBeta(header: string | undefined, rule: BetaRule): void {
  const betas = (header ?? '').split(',').map((beta) => beta.trim())
  for (const beta of betas) {
    if (beta === '' || KNOWN_BETAS.includes(beta)) continue
    if (!BETA.test(beta)) {
      throw invalidBeta(`Invalid beta header provided: '${beta}'. The header should be in the format 'OpenAI-Beta: example_beta=v1'.`)
    }
    throw invalidBeta(`Unknown beta requested: '${beta.split('=')[0]}'.`)
  }
  if (rule === 'required' && !betas.some((beta) => KNOWN_BETAS.includes(beta))) {
    throw invalidBeta(
      "You must provide the 'OpenAI-Beta' header to access the Assistants API. Please try again by setting the header 'OpenAI-Beta: assistants=v2'.",
    )
  }
}
