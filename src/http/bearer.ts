/** The API key of a request, exactly as sent: keys may hold spaces. Undefined when there is none. */
export function readKey(headers: Headers): string | undefined {
  const authorization = headers.get('authorization')
  if (authorization !== null) {
    const match = /^bearer\s+(.+)$/i.exec(authorization)
    if (match?.[1] !== undefined) return match[1]
  }
  return headers.get('x-api-key') || undefined
}
