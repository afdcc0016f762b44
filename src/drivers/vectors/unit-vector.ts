import { Fault } from '../../core/fault.ts'

/** What pgvector can hold, and more than any embedding model has. */
export const DIMENSIONS_MAX = 16_000

/** The same direction with length 1; zeros stay zeros. Infinity and NaN are refused, for they would poison every comparison. */
export function toUnit(vector: Float32Array): Float32Array {
  if (vector.length === 0 || vector.length > DIMENSIONS_MAX) {
    throw new Fault('invalid', `A vector has 1 to ${DIMENSIONS_MAX} dimensions, not ${vector.length}.`, { reason: 'value' })
  }
  let sum = 0
  for (let i = 0; i < vector.length; i++) {
    const x = vector[i] as number
    sum += x * x
  }
  // Squares of float32s stay within a float64, so the sum is finite exactly where all of them are.
  if (!Number.isFinite(sum)) throw new Fault('invalid', 'A vector holds a number that is not finite.', { reason: 'value' })
  const factor = sum === 0 ? 0 : 1 / Math.sqrt(sum)
  const unit = new Float32Array(vector.length)
  for (let i = 0; i < vector.length; i++) unit[i] = (vector[i] as number) * factor
  return unit
}

/** Of two unit vectors of the same length: their cosine similarity. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return Math.max(-1, Math.min(1, sum))
}

/** The compact form that is scanned (see scan-layout.ts). */
export function toCoarse(unit: Float32Array): Uint8Array {
  const bytes = new Uint8Array(4 + unit.length)
  let most = 0
  for (let i = 0; i < unit.length; i++) most = Math.max(most, Math.abs(unit[i] as number))
  if (most === 0) return bytes
  new DataView(bytes.buffer).setFloat32(0, most / 127, true)
  const components = new Int8Array(bytes.buffer, 4)
  for (let i = 0; i < unit.length; i++) components[i] = Math.round(((unit[i] as number) * 127) / most)
  return bytes
}

/** The bytes of little-endian float32s as a vector; copied where they do not lie at a multiple of four. */
export function fromBytes(bytes: Uint8Array): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  return new Float32Array(buffer, byteOffset, byteLength / 4)
}

export const toBytes = (vector: Float32Array): Uint8Array => new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
