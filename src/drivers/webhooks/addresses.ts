import { isIP } from 'node:net'
import { IPv6, parse, parseCIDR } from 'ipaddr.js'

/** Of IPv6 only what is routed on the internet: the rest has ways of its own into IPv4 and private networks. */
const GLOBAL_V6 = parseCIDR('2000::/3')
/** Public by its number, but answered by the machine's own cloud. */
const CLOUD_INTERNAL = new Set(['168.63.129.16'])

/** Whether anybody on the internet means the same machine by this address. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 0) return false
  const given = parse(address)
  const ip = given instanceof IPv6 && given.isIPv4MappedAddress() ? given.toIPv4Address() : given
  if (ip.range() !== 'unicast' || CLOUD_INTERNAL.has(ip.toString())) return false
  return !(ip instanceof IPv6) || ip.match(GLOBAL_V6)
}

/** The address that a URL names by number; undefined for a name. */
export function literalOf(url: URL): string | undefined {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return isIP(host) === 0 ? undefined : host
}
