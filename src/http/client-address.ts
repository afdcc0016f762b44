import { BlockList, isIP } from 'node:net'

/** Beside the request and not in it: graphs get the headers of their callers, and keep them. */
const addresses = new WeakMap<Request, string | null>()
/** Proxies in a row. */
const HOPS_MAX = 32
const USER_AGENT_MAX = 512

/** Who asks: null where it is not known. */
export interface ClientOfRequest {
  ip: string | null
  userAgent: string | null
}

/** One spelling for one address: no zone, lower case, shortest form, IPv4 where IPv6 only wraps it. Null: no address. */
export function normalIp(text: string): string | null {
  const bare = text.replace(/%.*$/s, '')
  const kind = isIP(bare)
  if (kind === 4) return bare
  if (kind === 0) return null
  const short = new URL(`http://[${bare}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(short) ?? []
  if (high === undefined || low === undefined) return short
  return [high, low].flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]).join('.')
}

/** As proxies write it: some add the port. */
function readEntry(entry: string): string | null {
  const text = entry.trim()
  const [, bracketed, plain] = /^(?:\[([^\]]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)$/.exec(text) ?? []
  return normalIp(bracketed ?? plain ?? text)
}

/** @param networks each as `address/bits` */
export function openTrusted(networks: readonly string[]): (ip: string) => boolean {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    list.addSubnet(address, Number(bits), family(address))
  }
  return networks.length === 0 ? () => false : (ip) => list.check(ip, family(ip))
}

const family = (ip: string): 'ipv4' | 'ipv6' => (isIP(ip) === 4 ? 'ipv4' : 'ipv6')

/**
 * Who is behind the connection. Each proxy adds at the right whom it got the request from, so the list is read from there,
 * and only as far as those who wrote it are trusted: the first address that is not is the client's. What is no address
 * ends it, as nobody vouches for what stands before.
 */
export function clientAddress(headers: Headers, peer: string | null, isTrusted: (ip: string) => boolean): string | null {
  let client = peer === null ? null : normalIp(peer)
  if (client === null || !isTrusted(client)) return client
  const entries = headers.get('x-forwarded-for')?.split(',').slice(-HOPS_MAX) ?? []
  for (const entry of entries.reverse()) {
    const ip = readEntry(entry)
    if (ip === null) return client
    client = ip
    if (!isTrusted(ip)) return client
  }
  return client
}

/** For the server only, at the beginning of every request. */
export function markClient(request: Request, ip: string | null): void {
  addresses.set(request, ip)
}

export function clientOf(request: Request): ClientOfRequest {
  const userAgent = request.headers.get('user-agent')?.trim().slice(0, USER_AGENT_MAX).toWellFormed()
  return { ip: addresses.get(request) ?? null, userAgent: userAgent || null }
}
