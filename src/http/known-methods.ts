interface Route {
  method: string
  path: string
}

/** The path's shape: any text where the route has a parameter. The place of a surface itself ends in a slash. */
function patternOf(path: string): RegExp {
  const text = path.replace(/\/$/, '').replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  return new RegExp(`^${text.replaceAll(/:[^/]+/g, '[^/]+')}/?$`)
}

/** Which methods the routes have for a path; none: no route serves it. A socket is no method. */
export function knownMethods(routes: readonly Route[]): (path: string) => string[] {
  const known = routes.filter(({ method }) => method !== 'WS').map(({ method, path }) => ({ method, pattern: patternOf(path) }))
  return (path) => known.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
}
