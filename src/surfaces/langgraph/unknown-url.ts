import { knownMethods } from '../../http/known-methods.ts'
import { pathOf } from '../../http/path.ts'
import { Refusal } from './refusal.ts'

/** Answers what no route took: 405 where the path is known under another method, else 404. */
export function unknownUrl(routes: Parameters<typeof knownMethods>[0]): (context: { request: Request }) => never {
  const methodsOf = knownMethods(routes)
  return ({ request }) => {
    const path = pathOf(request.url)
    const methods = methodsOf(path)
    if (methods.length === 0) throw new Refusal(404, `No operation at ${request.method} ${path}.`)
    throw new Refusal(405, `${path} does not take ${request.method}, but ${methods.join(', ')}.`, { allow: methods.join(', ') })
  }
}
