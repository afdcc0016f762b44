import type { MailOutcome, OutgoingMail } from './port.ts'

/** One address, without a name, and nothing that a parser could take for two, for a comment or for the end of a header. */
const ADDRESS = /^[^\s\p{Cc}<>,;:"()[\]\\@]+@[^\s\p{Cc}<>,;:"()[\]\\@]+$/u
const MESSAGE_ID = /^<[\w.+-]+@[\w.-]+>$/
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u
const HEADER_NAME = /^[A-Za-z][A-Za-z0-9-]*$/

/** Why no adapter sends this mail, or undefined. Headers are one line each: a line break in one would begin another. */
export function unsendable({ messageId, to, subject, replyTo, headers = {} }: OutgoingMail): MailOutcome | undefined {
  if (!ADDRESS.test(to)) return refused('its address is not one e-mail address')
  if (replyTo !== undefined && !ADDRESS.test(replyTo)) return refused('the address for replies is not one e-mail address')
  if (!MESSAGE_ID.test(messageId)) return refused('its message id is none')
  if (CONTROL.test(subject)) return refused('its subject has a control character')
  const isBad = ([name, value]: [string, string]): boolean => !HEADER_NAME.test(name) || CONTROL.test(value)
  return Object.entries(headers).some(isBad) ? refused('a header has a control character') : undefined
}

const refused = (why: string): MailOutcome => ({ state: 'refused', why })
