import type { JsonObject } from '../../core/json.ts'
import type { ChatStream, Generated, GenerateRequest, GenerateSink, ModelInfo } from './port.ts'

/** One source of models. It sees its own names only: prefixes and aliases are resolved before. Errors as in `Models`. */
export interface Provider {
  readonly name: string
  /** False for a name that it certainly does not have. No I/O. */
  serves(model: string): boolean
  generate(request: GenerateRequest, sink: GenerateSink, signal: AbortSignal): Promise<Generated>
  complete(body: JsonObject, signal: AbortSignal): Promise<JsonObject>
  completeStream(body: JsonObject, signal: AbortSignal): Promise<ChatStream>
  embed(body: JsonObject, signal: AbortSignal): Promise<JsonObject>
  list(signal: AbortSignal): Promise<ModelInfo[]>
}
