import { expect, test } from 'bun:test'
import { v5 } from '@langchain/core/utils/uuid'
import { sha1 } from '../../scripts/build/sha1.ts'

/** RFC 9562, 5.5: the SHA-1 of namespace and name, with version and variant set. */
function uuid5(name: string, namespace: string): string {
  const space = Buffer.from(namespace.replaceAll('-', ''), 'hex')
  const bytes = sha1(Buffer.concat([space, Buffer.from(name)])).slice(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

test("the executable's digest names tasks as LangGraph's own does", () => {
  const namespace = '6ba7b811-9dad-11d1-80b4-00c04fd430c8'
  for (const name of ['', 'model', 'ünï', JSON.stringify(['model', 1, '', null]), 'x'.repeat(5000)]) {
    expect(uuid5(name, namespace)).toBe(v5(name, namespace))
  }
})
