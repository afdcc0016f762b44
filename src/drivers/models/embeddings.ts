import type { Json, JsonObject } from '../../core/json.ts'

/** Every platform we run on is little-endian, as the wire format is. */
export const toBase64 = (vector: ArrayLike<number>): string => Buffer.from(Float32Array.from(vector).buffer).toString('base64')

/** Undefined for a text that is not whole floats. */
export function fromBase64(text: string): number[] | undefined {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
  return bytes.byteLength % 4 === 0 ? [...new Float32Array(bytes.buffer)] : undefined
}

/** The answer with its vectors in the format that the caller asked for; undefined when a vector cannot be read. */
export function spellVectors(answer: JsonObject, format: unknown): JsonObject | undefined {
  if (!Array.isArray(answer.data)) return undefined
  const data: Json[] = []
  for (const item of answer.data) {
    const { embedding, ...rest } = Object(item) as JsonObject
    const spelled = format === 'base64' ? inBase64(embedding) : inFloats(embedding)
    if (spelled === undefined) return undefined
    data.push({ ...rest, embedding: spelled })
  }
  return { ...answer, data }
}

const inBase64 = (vector: Json | undefined): string | undefined =>
  typeof vector === 'string' ? vector : Array.isArray(vector) ? toBase64(vector as number[]) : undefined

const inFloats = (vector: Json | undefined): number[] | undefined =>
  typeof vector === 'string' ? fromBase64(vector) : Array.isArray(vector) ? (vector as number[]) : undefined
