import type { ModelInfo } from '../../drivers/models/port.ts'
import { type Caller, requireScope } from '../caller.ts'
import { Fault } from '../fault.ts'
import type { JsonObject } from '../json.ts'
import type { Needs } from '../needs.ts'

export type { ModelInfo }

export async function listModels(app: Needs<'models'>, caller: Caller, signal: AbortSignal): Promise<ModelInfo[]> {
  requireScope(caller, 'read')
  return app.models.list(signal)
}

/** Throws model_not_found. */
export async function getModel(app: Needs<'models'>, caller: Caller, input: { id: string; signal: AbortSignal }): Promise<ModelInfo> {
  requireScope(caller, 'read')
  const found = await app.models.find(input.id, input.signal)
  if (!found) throw new Fault('model_not_found', `The model '${input.id}' does not exist.`, { kind: 'model', id: input.id, param: 'model' })
  return found
}

/** Models come from the configuration, so none can be deleted: forbidden for one that is there, else model_not_found. */
export async function deleteModel(app: Needs<'models'>, caller: Caller, input: { id: string; signal: AbortSignal }): Promise<never> {
  requireScope(caller, 'write')
  const { id } = await getModel(app, caller, input)
  throw new Fault('forbidden', `The model '${id}' comes from the configuration of this server and cannot be deleted.`, {
    kind: 'model',
    id,
  })
}

/** Body and answer as the models port has them. */
export async function embed(app: Needs<'models'>, caller: Caller, input: { body: JsonObject; signal: AbortSignal }): Promise<JsonObject> {
  requireScope(caller, 'write')
  return app.models.embed(input.body, input.signal)
}
