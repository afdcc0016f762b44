import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import type { Caller } from '../../core/caller.ts'
import { Fault, notFound } from '../../core/fault.ts'
import { requireAssistant, requireRun } from '../../core/ownership/access.ts'
import { newestStretch } from '../../core/runs/continuation.ts'
import { beginRun, getPlanned } from '../../core/runs/planned.ts'
import type { Run, RunOptions } from '../../core/runs/runs.ts'
import { clientKeyWriter } from '../../core/runs/secrets.ts'
import { runTools } from '../../core/tools/run-tools.ts'
import { entitiesCaller } from './caller.ts'
import { streamCompletion, type Telling } from './completion-run.ts'
import { StreamRequest } from './completions.wire.ts'
import { nameOf, requireId } from './ids.ts'
import { modelOf } from './model-names.ts'
import { refuseField } from './refusal.ts'
import { streams, takes } from './route.ts'

const DESCRIPTION = `Streams what a run says, as \`data: {...}\` frames, from its beginning or from where it went on last, until it has ended or waits
for tool outputs; \`data: [DONE]\` comes last. The first call begins the run. Sent again while it is at work, or after its end, it
tells the same; sent again with all outputs there, the run goes on; sent before that, it waits for them.`

/** The Inference part: a run begins, or goes on, and is told. */
export const completions = (app: App) =>
  new Elysia({ tags: ['Inference'] })
    .use(entitiesCaller(app))
    .post('/completions', async ({ caller, body, request }) => streamCompletion(app, request, await ask(app, caller, body)), {
      ...takes(StreamRequest),
      ...streams({ id: 'completions', summary: 'Stream the answer of a run', description: DESCRIPTION }),
    })

async function ask(app: App, caller: Caller, body: StreamRequest): Promise<Telling> {
  const model = modelOf(app, body.model)
  const key = clientKey(app, body)
  const { run, owned, thread } = await requireRun(app, caller, requireId('run', body.run_id))
  if (requireId('thread', body.thread_id) !== thread.id) throw notFound('thread', body.thread_id)
  const runId = run?.id ?? owned?.id ?? ''
  const lend = key === undefined ? undefined : await clientKeyWriter(app, caller, { runId, key })
  if (run) return goOnWith(app, caller, { run, lend })
  const { assistant } = await requireAssistant(app, caller, { ...nameOf('assistant', body.assistant_id), to: 'use' })
  const options = await optionsOf(app, caller, { assistantId: assistant.id, model })
  try {
    const begun = await beginRun(app, caller, { id: runId, assistantId: assistant.id, options, ...(lend ? { beside: lend } : {}) })
    // Somebody may have begun it in this moment: then it is told as to whoever comes later.
    return 'first' in begun ? { caller, ...begun, stretch: { after: 0, waits: false } } : goOnWith(app, caller, { run: begun.run, lend })
  } catch (error) {
    if (!(error instanceof Fault && error.code === 'wrong_state')) throw error
    const { label } = await getPlanned(app, caller, runId)
    return { caller, over: `Run ${label}` }
  }
}

/** The newest key counts for what is still to be said. */
async function goOnWith(
  app: App,
  caller: Caller,
  { run, lend }: { run: Run; lend: ((db: App['db']) => Promise<void>) | undefined },
): Promise<Telling> {
  const stretch = await newestStretch(app, run)
  if (stretch.waits && run.config.clientKey) await lend?.(app.db)
  return { caller, run, stretch }
}

/** What a header can carry. */
const KEY = /^[\x21-\x7e]+$/

function clientKey(app: App, { api_key: key }: StreamRequest): string | undefined {
  if (!key) return undefined
  if (app.config.entities.clientKeys === 'refuse')
    throw refuseField(['api_key'], 'this server calls models with its own keys: leave it out')
  if (!KEY.test(key)) throw refuseField(['api_key'], 'this is no key')
  return key
}

/** What the client said of the run when it made it is for its eyes: the answer is made as the assistant says. */
async function optionsOf(app: App, caller: Caller, { assistantId, model }: { assistantId: string; model: string }): Promise<RunOptions> {
  return {
    ...{ model, ...(await runTools(app, caller, assistantId)), textCalls: true },
    ...(app.config.entities.clientKeys === 'use' ? { clientKey: true } : {}),
    additionalInstructions: `Current date and time: ${new Date(app.clock.now()).toISOString()}`,
  }
}
