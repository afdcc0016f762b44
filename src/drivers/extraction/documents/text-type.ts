export type TextType = 'text' | 'markdown' | 'html' | 'csv' | 'json' | 'code'

const ENDINGS: Record<Exclude<TextType, 'text' | 'code'>, string> = {
  markdown: 'md markdown mdx mdown qmd rmd',
  html: 'html htm xhtml',
  csv: 'csv tsv psv',
  json: 'json jsonl ndjson geojson ipynb webmanifest',
}

const CODE = new Set(
  `asm astro bash bat c cc clj cljs cmake cmd cpp cs css cxx d dart diff dockerfile elm erl ex exs f90 fs gd go gradle
  graphql groovy h hcl hpp hs hxx ini java jl js jsx kt kts less lisp lua m makefile mjs ml mm nim nix pas patch php pl pm
  proto ps1 py pyi r rb rkt rs sass scala scm scss sh sol sql svelte swift tcl tex tf toml ts tsx v vb vue xml xsd xsl yaml
  yml zig zsh`.split(/\s+/),
)

const MEDIA_TYPES = new Map<string, TextType>(
  Object.entries({
    'text/markdown': 'markdown',
    'text/html': 'html',
    'application/xhtml+xml': 'html',
    'text/csv': 'csv',
    'text/tab-separated-values': 'csv',
    'application/json': 'json',
    'application/x-ndjson': 'json',
    'application/xml': 'code',
    'text/xml': 'code',
  } as const),
)

/** What a text says it is by its name and media type; only a hint. */
export function hintedType(filename: string, mediaType: string): TextType | undefined {
  const ending = /([^./\\]+)$/.exec(filename.toLowerCase())?.[1] ?? ''
  for (const type of ['markdown', 'html', 'csv', 'json'] as const) if (ENDINGS[type].split(' ').includes(ending)) return type
  if (CODE.has(ending)) return 'code'
  if (['txt', 'text', 'log'].includes(ending)) return 'text'
  return MEDIA_TYPES.get(mediaType.split(';')[0]?.trim().toLowerCase() ?? '')
}

const PAGE = /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->)[\s\S])*-->\s*)*<(?:!doctype\s+html|html|head|body)\b/i
/** Text that is parsed to learn whether it is JSON; beyond it only the name tells. */
export const JSON_CHECKED_MAX = 4_000_000

/** What a text is, by its hint and how it begins. */
export function textType(head: string, hint: TextType | undefined): TextType {
  if (hint === 'code' || hint === 'markdown' || hint === 'csv') return hint
  if (PAGE.test(head)) return 'html'
  if (hint === 'html') return /<[a-z!/]/i.test(head) ? 'html' : 'text'
  if (hint === 'json') return /^\s*["[{]/.test(head) ? 'json' : 'text'
  return hint ?? 'text'
}

/** Whether a text that does not say so is JSON. */
export function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
