import { createHash } from 'node:crypto'

/** 20 bytes, as the platform computes them. */
export function sha1(bytes: ArrayLike<number>): Uint8Array {
  return new Uint8Array(createHash('sha1').update(Uint8Array.from(bytes)).digest())
}
