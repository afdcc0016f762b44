import type { App } from '../../app.ts'
import { resolveAssistant } from '../../core/assistants/graph-assistants.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault, notFound } from '../../core/fault.ts'
import type { Parts } from '../../core/needs.ts'
import type { CreatedRun } from '../../core/runs/draft.ts'
import { createGraphRun, type NewGraphRun, type RunThread } from '../../core/runs/graph-runs.ts'
import type { Run } from '../../core/runs/runs.ts'
import type { Once } from './caller.ts'
import type { RunBody } from './run-body.wire.ts'
import { fromRunBody } from './runs.wire.ts'

/** A request that starts a run. */
export interface Asked {
  caller: Caller
  once: Once
  request: Request
}

/** Null: a thread of its own, which is deleted after the run unless the body says otherwise. */
export type ThreadId = string | null

const threadOf = (body: RunBody, id: ThreadId): RunThread =>
  id === null ? { temporary: body.on_completion !== 'keep' } : { id, create: body.if_not_exists === 'create' }

/** Throws not_found (assistant with action 'create_run', thread), busy, and Refusal. */
export async function startRun(
  app: App,
  asked: Asked,
  { body, threadId, waited = false }: { body: RunBody; threadId: ThreadId; waited?: boolean },
): Promise<CreatedRun> {
  const { caller, once, request } = asked
  const run = fromRunBody(body, { threadId, headers: request.headers, waited })
  if (run.call.webhook !== null) app.webhooks.require(run.call.webhook)
  const input = { thread: threadOf(body, threadId), run: { assistantId: body.assistant_id, ...run } }
  const created = await once((parts) => createGraphRun(parts, caller, input))
  // A repeated request gets the answer of the first one, and by then the first events are not the newest ones.
  return request.headers.has('idempotency-key') ? { run: created.run, first: { seq: 1, events: [] } } : created
}

/** Runs without threads. All that can be refused is refused before the first of them is made. */
export async function startBatch(app: App, asked: Asked, bodies: readonly RunBody[]): Promise<Run[]> {
  const { caller, once, request } = asked
  const refs = [...new Set(bodies.map((body) => body.assistant_id))]
  const ids = new Map<string, string>()
  for (const ref of refs) ids.set(ref, await assistantIdOf(app, caller, ref))
  const inputs = bodies.map((body) => ({
    thread: threadOf(body, null),
    run: {
      assistantId: ids.get(body.assistant_id) ?? body.assistant_id,
      ...fromRunBody(body, { threadId: null, headers: request.headers }),
    },
  }))
  for (const { run } of inputs) if (run.call.webhook !== null) app.webhooks.require(run.call.webhook)
  return once((parts) => createAll(parts, caller, inputs))
}

/** In the order of the request; those of one moment share a statement. */
const createAll = async (app: Parts, caller: Caller, inputs: { thread: RunThread; run: NewGraphRun }[]): Promise<Run[]> =>
  (await Promise.all(inputs.map((input) => createGraphRun(app, caller, input)))).map(({ run }) => run)

async function assistantIdOf(app: App, caller: Caller, ref: string): Promise<string> {
  try {
    return (await resolveAssistant(app, caller, ref)).id
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'not_found') throw error
    const { message, facts } = notFound('assistant', ref)
    throw new Fault('not_found', message, { ...facts, action: 'create_run' })
  }
}

/** Where a run is, as clients put it behind the address they know this server by: without the surface's prefix. */
export const pathOfRun = (run: Run, stateful: boolean): string => (stateful ? `/threads/${run.threadId}/runs/${run.id}` : `/runs/${run.id}`)
