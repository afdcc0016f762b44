import type { JsonObject } from '../../core/json.ts'

/** Inside a JSON string the quotes would be escaped, so this can only be a member; `model` comes before all that nests. */
const MODEL_MEMBER = /"model"\s*:\s*"(?:[^"\\]|\\.)*"/

/** The answer under the name that the caller used. A provider's dated name stays when nothing was renamed on the way. */
export const renamed = (answer: JsonObject, model: string, asked: string): JsonObject =>
  model === asked || answer.model === undefined ? answer : { ...answer, model: asked }

/** The same for chunks in JSON text, without parsing them. */
export function renamedChunks(chunks: AsyncIterable<string>, asked: string): AsyncIterable<string> {
  const member = `"model":${JSON.stringify(asked)}`
  const rename = (chunk: string) => chunk.replace(MODEL_MEMBER, () => member)
  return {
    [Symbol.asyncIterator]() {
      const source = chunks[Symbol.asyncIterator]()
      return {
        async next() {
          const result = await source.next()
          return result.done ? result : { done: false, value: rename(result.value) }
        },
        async return() {
          await source.return?.()
          return { done: true, value: undefined }
        },
      }
    },
  }
}
