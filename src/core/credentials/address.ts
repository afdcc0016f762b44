import { makeStorable } from '../json.ts'

/** An e-mail address as credentials have it. */
export const normalAddress = (email: string): string => makeStorable(email.trim().toLowerCase())
