import { knownMethods } from '../../http/known-methods.ts'
import { pathOf } from '../../http/path.ts'
import { Refusal } from './refusal.ts'

/** A parameter whose percent-encoding is broken comes from the router as null, whatever its type says. */
export function requireReadable(params: object): void {
  if (!Object.values(params).includes(null)) return
  throw new Refusal(400, { message: 'Invalid URL: its path is not percent-encoded UTF-8.', code: 'invalid_url' })
}

/** Answers what no route took: 405 where the path is known under another method, else 404. */
export function unknownUrl(routes: Parameters<typeof knownMethods>[0]): (context: { request: Request }) => never {
  const methodsOf = knownMethods(routes)
  return ({ request }) => {
    const path = pathOf(request.url)
    const methods = methodsOf(path)
    if (methods.length > 0) {
      const message = `Not allowed to ${request.method} on ${path}. (HINT: Perhaps you meant to use a different HTTP method: ${methods.join(', ')}.)`
      throw new Refusal(405, { message, code: 'method_not_supported' })
    }
    throw new Refusal(404, {
      message: `Unknown request URL: ${request.method} ${path}. Please check the URL for typos, or see the documentation of this server at /docs.`,
      code: 'unknown_url',
    })
  }
}
