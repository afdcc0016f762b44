import { Elysia } from 'elysia'
import { anybody } from './caller.ts'
import { type Field, PAGES, type Page, SCRIPT, STYLE } from './page-text.ts'
import { OPERATION } from './route.ts'

const hashOf = (text: string): string => `'sha256-${new Bun.CryptoHasher('sha256').update(text).digest('base64')}'`

/** Nothing of another place, and nothing of ours but these two texts. */
const POLICY = [
  "default-src 'none'",
  `script-src ${hashOf(SCRIPT)}`,
  `style-src ${hashOf(STYLE)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Addresses of these pages hold codes that open accounts. */
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': POLICY,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-robots-tag': 'noindex',
}

const attributes = ({ name, type, autocomplete = 'off', optional, hint }: Field, query?: string): string =>
  [
    `id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}"`,
    ...(optional ? [] : ['required']),
    ...(hint === undefined ? [] : [`aria-describedby="${name}-hint"`]),
    ...(query === undefined ? [] : [`data-query="${query}" autocapitalize="off" spellcheck="false"`]),
  ].join(' ')

function fieldOf(field: Field, query?: string): string {
  const { name, label, type, hint, optional } = field
  const input = `<input ${attributes(field, query)}>`
  if (type === 'checkbox') return `<label>${input}${label}</label>`
  const words = optional ? `${label} (optional)` : label
  return `<label for="${name}">${words}</label>${input}${hint === undefined ? '' : `<small id="${name}-hint">${hint}</small>`}`
}

const htmlOf = ({ title, about, action, query, code, fields, button, done }: Page, prefix: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${about}</p>
<form data-action="${prefix}${action}" data-done="${done}">
${[...fields.map((field) => fieldOf(field)), fieldOf(code, query)].join('\n')}
<button type="submit" disabled>${button}</button>
</form>
<p role="status" aria-live="polite"></p>
<noscript><p>This page needs JavaScript. The code in the mail also works in any program that speaks to this server.</p></noscript>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`

export const PAGE_PATHS: readonly string[] = PAGES.map(({ path }) => path)

/**
 * Where the links of mails lead when no web application was named. Opening one does nothing, as mail scanners open them
 * too: somebody has to press the button.
 */
export function pages(prefix: string) {
  const plugin = new Elysia().use(anybody({}))
  for (const page of PAGES) {
    const html = htmlOf(page, prefix)
    plugin.get(page.path, () => new Response(html, { headers: HEADERS }), { may: 'pages', detail: { hide: true, [OPERATION]: 'pages' } })
  }
  return plugin
}
