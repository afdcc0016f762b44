import { Fault } from '../fault.ts'
import { isStorable } from '../json.ts'

const CHARS_MAX = 255
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/**
 * The name a file is shown under: the last part of what the client sent, in any script. It never becomes a path. Throws
 * invalid for a name that is nothing but folders, is too long or holds control characters.
 * @param param the client's field that holds it
 */
export function requireFilename(text: string, param: string): string {
  const name = text.split(/[/\\]/).at(-1) ?? ''
  if (CONTROL.test(text) || !isStorable(text))
    throw new Fault('invalid', `Invalid '${param}': the file name contains a control character.`, { param, reason: 'value' })
  if (name.trim() === '' || name === '.' || name === '..')
    throw new Fault('invalid', `Invalid '${param}': the file has no name.`, { param, reason: 'value' })
  if (name.length > CHARS_MAX) {
    const message = `Invalid '${param}': file name too long. Expected a name with maximum length ${CHARS_MAX}, but got one with length ${name.length} instead.`
    throw new Fault('invalid', message, { param, reason: 'too_long' })
  }
  return name
}
