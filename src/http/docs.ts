// The package exports no such subpath, so the file is named where it lies.
import scalarPath from '../../node_modules/@scalar/api-reference/dist/browser/standalone.js' with { type: 'file' }

export interface DocumentedApi {
  title: string
  /** Where its OpenAPI document is served. */
  url: string
}

export const DOCS_PATH = '/docs'
const SCALAR_PATH = `${DOCS_PATH}/scalar.js`
const START_PATH = `${DOCS_PATH}/start.js`

/** Nothing from elsewhere, no inline script. Scalar sets styles from script, hence the one exception. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tetraport API</title>
<link rel="icon" href="data:,">
</head>
<body>
<div id="api"></div>
<noscript>This page needs JavaScript. The plain documents are at /openapi/&lt;surface&gt;.json.</noscript>
<script src="${SCALAR_PATH}"></script>
<script src="${START_PATH}"></script>
</body>
</html>
`

/** Everything in Scalar that would call its makers or a font server is off. */
const OPTIONS = {
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: 'never',
  persistAuth: false,
  hideClientButton: true,
  documentDownloadType: 'direct',
}

/** The documentation page and the two scripts it loads, by path. */
export function docsPages(apis: readonly DocumentedApi[]): Record<string, () => Response> {
  const sources = apis.map(({ title, url }, index) => ({ title, url, default: index === 0 }))
  const start = `Scalar.createApiReference('#api', ${JSON.stringify({ ...OPTIONS, sources })})\n`
  const script = { 'content-type': 'text/javascript; charset=utf-8', 'x-content-type-options': 'nosniff' }
  return {
    [DOCS_PATH]: () =>
      new Response(PAGE, {
        headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': POLICY, 'referrer-policy': 'no-referrer' },
      }),
    [SCALAR_PATH]: () => new Response(Bun.file(scalarPath), { headers: { ...script, 'cache-control': 'public, max-age=3600' } }),
    [START_PATH]: () => new Response(start, { headers: script }),
  }
}
