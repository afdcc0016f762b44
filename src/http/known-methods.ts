interface Route {
  method: string
  path: string
}

/** The path's shape: any text where the route has a parameter. */
const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/:[^/]+/g, '[^/]+')}/?$`)

/** Which methods the routes have for a path; none: no route serves it. A socket is no method. */
export function knownMethods(routes: readonly Route[]): (path: string) => string[] {
  const known = routes.filter(({ method }) => method !== 'WS').map(({ method, path }) => ({ method, pattern: patternOf(path) }))
  return (path) => known.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
}
