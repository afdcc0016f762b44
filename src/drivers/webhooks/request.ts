import { request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { isIP } from 'node:net'

export interface Post {
  url: URL
  /** The connection goes there, whatever the URL's name stands for by now. The name is kept for the certificate. */
  address: string
  headers: Readonly<Record<string, string>>
  body: string
  signal: AbortSignal
  /** Certificates to believe beside the usual ones. */
  ca?: string
}

/**
 * Posts and answers the status; the answer itself is not read. No `fetch`: it takes the proxy of the environment, which
 * would choose the address anew, and it would share a connection with other names of the same address.
 */
export function post({ url, address, headers, body, signal, ca }: Post): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const secure = url.protocol === 'https:'
  const name = url.hostname.replace(/^\[|\]$/g, '')
  const request = (secure ? requestSecure : requestPlain)({
    method: 'POST',
    host: address,
    port: url.port || (secure ? 443 : 80),
    path: `${url.pathname}${url.search}`,
    agent: false,
    headers: { ...headers, host: url.host, 'content-length': String(Buffer.byteLength(body)) },
    signal,
    ...(secure && isIP(name) === 0 ? { servername: name } : {}),
    ...(ca === undefined ? {} : { ca }),
  })
  request.on('response', (response) => {
    resolve(response.statusCode ?? 0)
    response.destroy()
  })
  request.on('error', reject)
  // After an abort Bun says nothing where the connection is not made yet.
  const abort = (): void => {
    reject(signal.reason)
    request.destroy()
  }
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  request.end(body)
  return promise.finally(() => signal.removeEventListener('abort', abort))
}
