import { Fault } from '../fault.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'

/** What one request to an embedding model may hold: no provider that is known takes less. */
export const EMBED_INPUTS_MAX = 64
export const EMBED_TOKENS_MAX = 100_000

/**
 * One vector for each text, all of one length. Throws what the models port throws, and Fault('upstream') when the answer is
 * not that.
 */
export async function embedTexts(
  app: Needs<'models'>,
  { model, texts }: { model: string; texts: readonly string[] },
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const answer = await app.models.embed({ model, input: [...texts], encoding_format: 'base64' }, signal)
  const vectors: Float32Array[] = []
  for (const item of Array.isArray(answer.data) ? answer.data : []) {
    const { index = vectors.length, embedding } = Object(item) as JsonObject
    if (typeof index === 'number' && typeof embedding === 'string') vectors[index] = fromBase64(embedding)
  }
  const wrong = whatIsWrong(vectors, texts.length)
  if (wrong !== undefined) throw new Fault('upstream', `The embedding model '${model}' ${wrong}.`)
  return vectors
}

/** Every platform we run on is little-endian, as the format is. */
function fromBase64(text: string): Float32Array {
  const bytes = new Uint8Array(Buffer.from(text, 'base64'))
  return bytes.byteLength % 4 === 0 ? new Float32Array(bytes.buffer) : new Float32Array()
}

function whatIsWrong(vectors: readonly Float32Array[], count: number): string | undefined {
  if (vectors.length !== count || vectors.includes(undefined as unknown as Float32Array)) return `did not answer ${count} vectors`
  const dimensions = vectors[0]?.length ?? 0
  if (count > 0 && dimensions === 0) return 'answered a vector without numbers'
  if (vectors.some((vector) => vector.length !== dimensions)) return 'answered vectors of different lengths'
  return vectors.some((vector) => !vector.every(Number.isFinite)) ? 'answered a vector that is not all numbers' : undefined
}
