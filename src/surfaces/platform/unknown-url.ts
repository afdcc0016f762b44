import { knownMethods } from '../../http/known-methods.ts'
import { pathOf } from '../../http/path.ts'
import { Refusal } from './refusal.ts'

/** Answers what no route took: 405 where the path is known under another method, else 404. */
export function unknownUrl(routes: Parameters<typeof knownMethods>[0]): (context: { request: Request }) => never {
  const methodsOf = knownMethods(routes)
  return ({ request }) => {
    const methods = methodsOf(pathOf(request.url))
    if (methods.length === 0) throw new Refusal(404, 'Not Found', 'not_found')
    throw new Refusal(405, 'Method Not Allowed', 'method_not_allowed', { allow: methods.join(', ') })
  }
}
