/** Key-like words of known spellings, and words that a provider masked with stars itself (`sk-ab***yz`). */
const KEY_LIKE = /\b(?:sk|pk|rk|gsk|xai)[-_][\w*.…-]{8,}|[\w*.…-]*\*{3,}[\w*.…-]*/g
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g
const MASK = '[key]'
/** A shorter beginning would also hit ordinary words. */
const HEAD_CHARS = 8

/**
 * Makes upstream text fit to be shown: no key, no beginning of one, no control characters.
 * Providers do echo credentials: `Incorrect API key provided: sk-...`.
 */
export function scrubber(key: string | null): (text: string) => string {
  const secrets = key === null || key === '' ? [] : [key, encodeURIComponent(key), JSON.stringify(key).slice(1, -1)]
  const head = key !== null && key.length >= HEAD_CHARS * 2 ? key.slice(0, HEAD_CHARS) : null
  return (text) => {
    let clean = text
    for (const secret of secrets) clean = clean.replaceAll(secret, MASK)
    if (head !== null) clean = maskWordsWith(clean, head)
    return clean.replace(KEY_LIKE, MASK).replace(CONTROL, ' ')
  }
}

function maskWordsWith(text: string, head: string): string {
  const at = text.indexOf(head)
  if (at < 0) return text
  const rest = text.slice(at)
  const end = rest.search(/[\s"'`,;)\]}]/)
  return text.slice(0, at) + MASK + (end < 0 ? '' : maskWordsWith(rest.slice(end), head))
}
