import { hashSecret } from '../identity/secrets.ts'

/** Beyond any guess. */
const TOKEN_BYTES = 32
const HINT_CHARS = 8

export interface InviteToken {
  /** Shown once, to whoever made the invite, and sent to whoever is invited. */
  token: string
  hash: string
  /** Tells invites apart for people, and is no use for anything else. */
  hint: string
}

export function newInviteToken(): InviteToken {
  const token = Buffer.from(crypto.getRandomValues(new Uint8Array(TOKEN_BYTES))).toString('base64url')
  return { token, hash: hashSecret(token), hint: token.slice(0, HINT_CHARS) }
}

/** Blanks around it come from copying. */
export const hashToken = (token: string): string => hashSecret(token.trim())
