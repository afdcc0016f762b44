import { isIP } from 'node:net'

/** Addresses come in their shortest form, as src/http/client-address.ts makes them; what is no address belongs to no network. */

/** The eight groups of an IPv6 address. */
function groupsOf(ip: string): string[] {
  const [head = '', tail] = ip.split('::')
  const before = head === '' ? [] : head.split(':')
  if (tail === undefined) return before
  const after = tail === '' ? [] : tail.split(':')
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after]
}

/** Enough for a person to recognise, too little to find anybody: `203.0.113.*`, `2001:db8:0:1:*:*:*:*`. */
export function maskIp(ip: string): string {
  const kind = isIP(ip)
  if (kind === 4) return ip.replace(/\d+$/, '*')
  if (kind === 6) return [...groupsOf(ip).slice(0, 4), '*', '*', '*', '*'].join(':')
  return '*'
}

/** What usually belongs to one network: 256 addresses of IPv4, a subscriber's 2^64 of IPv6. Null: no address. */
export function networkOf(ip: string): string | null {
  const kind = isIP(ip)
  if (kind === 4) return `${ip.replace(/\d+$/, '0')}/24`
  if (kind === 6) return `${groupsOf(ip).slice(0, 4).join(':')}::/64`
  return null
}

/** Whom a limit on an address is about: with IPv6 everybody has more addresses than could be counted. */
export const sourceOf = (ip: string): string => (isIP(ip) === 6 ? (networkOf(ip) ?? ip) : ip)
