import { readKey } from './bearer.ts'

/** Browsers cannot set headers on a WebSocket: the key may come as a subprotocol, percent-encoded. */
const KEY_PROTOCOL = 'tetraport-key.'
/** Offered beside it, so that the answer need not repeat the key. */
const PLAIN_PROTOCOL = 'tetraport'

function offeredProtocols(headers: Headers): string[] {
  const offered = headers.get('upgrade') === null ? null : headers.get('sec-websocket-protocol')
  return (offered ?? '').split(',').map((name) => name.trim())
}

export function protocolKey(headers: Headers): string | undefined {
  const protocol = offeredProtocols(headers).find((name) => name.startsWith(KEY_PROTOCOL))
  if (protocol === undefined) return undefined
  const text = protocol.slice(KEY_PROTOCOL.length)
  try {
    return decodeURIComponent(text)
  } catch {
    // Not percent-encoded, so it is the key itself.
    return text
  }
}

/** Browsers drop a socket whose server takes none of the subprotocols they offered. */
export function acceptedProtocol(headers: Headers): string | undefined {
  const offered = offeredProtocols(headers)
  return offered.find((name) => name === PLAIN_PROTOCOL) ?? offered.find((name) => name.startsWith(KEY_PROTOCOL))
}

/** The API key of a request, or of a request to open a socket. */
export const requestKey = (headers: Headers): string | undefined => readKey(headers) ?? protocolKey(headers)
