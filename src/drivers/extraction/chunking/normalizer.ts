/** Longest line that waits for its end; a longer one goes on in pieces. */
const LINE_MAX = 65_536
/** How far a cut in a long line looks back for a place where no mark is torn from its letter. */
const LOOK_BACK = 1_024

/**
 * Makes text of any origin fit to be stored, cut and searched: one kind of line end, at most one empty line in a row, no
 * control characters, no unpaired surrogates, composed letters (NFC). Works on a stream: what it answers are whole lines,
 * or pieces of lines that are very long.
 */
export class Normalizer {
  private rest = ''
  private started = false

  push(text: string): string {
    this.rest += text
    if (this.rest.length < LINE_MAX) return ''
    return this.take(cutAt(this.rest))
  }

  end(): string {
    // What comes last ends here: a line end, a high surrogate without its other half.
    return this.take(this.rest.length).replace(/\s+$/, '')
  }

  private take(length: number): string {
    const clean = normalize(this.rest.slice(0, length))
    this.rest = this.rest.slice(length)
    if (this.started) return clean
    const text = clean.replace(/^\n+/, '')
    this.started = text !== ''
    return text
  }
}

/** Behind the last line end that text follows, or else somewhere in the line. */
function cutAt(text: string): number {
  for (let at = text.length - 2; at > 0; at--) {
    if (isLineEnd(text.charCodeAt(at)) && !isSpace(text.charCodeAt(at + 1))) return at + 1
  }
  const limit = text.length - 1
  for (let at = limit; at > limit - LOOK_BACK && at > 0; at--) {
    if (text.charCodeAt(at) === 32 && !isSpace(text.charCodeAt(at + 1))) return at + 1
  }
  for (let at = limit; at > limit - LOOK_BACK && at > 0; at--) {
    if (startsLetter(text, at)) return at
  }
  return limit - (isLowSurrogate(text.charCodeAt(limit)) ? 1 : 0)
}

const isLineEnd = (code: number): boolean => code === 10 || code === 13
const isSpace = (code: number): boolean => code <= 32
const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff

/** Nothing in front of `at` changes with what stands there. */
const startsLetter = (text: string, at: number): boolean =>
  !isLowSurrogate(text.charCodeAt(at)) &&
  !/^(?:\p{M}|\u200d|[\u1100-\u11ff])/u.test(text.slice(at, at + 2)) &&
  text.charCodeAt(at - 1) !== 0x200d

const normalize = (text: string): string =>
  text
    .replace(/\r\n?|[\u000b\u000c\u0085\u2028\u2029]/g, '\n')
    .replace(/[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u200b\u2060\ufeff\ufff9-\ufffb]/g, '')
    .replace(/[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g, ' ')
    // Bounded first: a pattern that looks for the end of a line from every space of a long run takes the square of its length.
    .replace(/ {65,}|\t{33,}/g, ' ')
    .replace(/[ \t]+(?=\n)/g, '')
    .replace(/\n{3,}/g, '\n\n')
    .toWellFormed()
    .normalize('NFC')
