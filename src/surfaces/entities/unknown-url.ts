import { knownMethods } from '../../http/known-methods.ts'
import { pathOf } from '../../http/path.ts'
import { Refusal } from './refusal.ts'

/** Answers what no route took: 405 where the path is known under another method, else 404. */
export function unknownUrl(routes: Parameters<typeof knownMethods>[0]): (context: { request: Request }) => never {
  const methodsOf = knownMethods(routes)
  return ({ request }) => {
    const methods = methodsOf(pathOf(request.url))
    if (methods.length === 0) throw new Refusal(404, 'Not Found')
    throw new Refusal(405, 'Method Not Allowed', { allow: methods.join(', ') })
  }
}

/** A path with a slash at its end is the path without, which is told with a status that keeps method and body. */
export function redirectSlash({ request }: { request: Request }): void {
  const path = pathOf(request.url)
  if (!path.endsWith('/')) return
  const slashless = path.replace(/\/+$/, '')
  // What begins with two slashes would be another host.
  if (slashless.lastIndexOf('/') <= 0 && !/^\/[^/]/.test(slashless)) return
  const query = request.url.indexOf('?')
  throw new Refusal(307, '', { location: (query < 0 ? slashless : slashless + request.url.slice(query)).replace(/^\/+/, '/') })
}
