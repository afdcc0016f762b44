import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Glob } from 'bun'
import * as assistants from '../../src/core/assistants/assistants.ts'
import type { Caller } from '../../src/core/caller.ts'
import * as completions from '../../src/core/completions/completions.ts'
import { Fault } from '../../src/core/fault.ts'
import { newId } from '../../src/core/id.ts'
import * as keys from '../../src/core/identity/keys.ts'
import * as ownership from '../../src/core/ownership/ownership.ts'
import * as create from '../../src/core/runs/create.ts'
import * as journal from '../../src/core/runs/journal.ts'
import * as outputs from '../../src/core/runs/outputs.ts'
import * as runs from '../../src/core/runs/runs.ts'
import * as steps from '../../src/core/runs/steps.ts'
import * as stop from '../../src/core/runs/stop.ts'
import * as checkpoints from '../../src/core/threads/checkpoints.ts'
import * as messages from '../../src/core/threads/messages.ts'
import * as participants from '../../src/core/threads/participants.ts'
import * as threads from '../../src/core/threads/threads.ts'
import { OPEN_MS, openTestApp, type TestApp } from '../support/app.ts'
import { answer, callsFunctions, startRun, storyOf, untilEnd } from '../support/runs.ts'
import { ROOT } from '../support/source-tree.ts'
import { type ActionIds, actionCases, fillActions } from './actions/isolation-cases.ts'
import { assistantCases } from './assistants/isolation-cases.ts'
import { type FileIds, fileCases, fillFiles } from './files/isolation-cases.ts'
import { fillUsers, type UserIds, userCases } from './identity/isolation-cases.ts'
import { fillItems, type ItemIds, itemCases } from './items/isolation-cases.ts'
import { ownershipCases } from './ownership/isolation-cases.ts'
import { fillPlan, type PlanIds, runCases } from './runs/isolation-cases.ts'
import { fillSchedules, type ScheduleIds, scheduleCases } from './schedules/isolation-cases.ts'
import { threadCases } from './threads/isolation-cases.ts'
import { resourceCases } from './tool-resources/isolation-cases.ts'
import { fillTool, toolCases } from './tools/isolation-cases.ts'
import { fillStore, type StoreIds, storeCases } from './vector-stores/isolation-cases.ts'

/** Ids of one tenant's records: all of them there, or none of them. */
interface Ids extends StoreIds, FileIds, ItemIds, ScheduleIds, UserIds, ActionIds, PlanIds {
  assistant: string
  thread: string
  tool: string
  message: string
  run: string
  step: string
  completion: string
  key: string
}
type Case = (caller: Caller, ids: Ids) => Promise<unknown>

let app: TestApp
let owner: Caller
let stranger: Caller
let theirs: Ids
/** Where the stranger has a right to be: its own thread and assistant, to put a foreign id beside them. */
let own: Ids

beforeAll(async () => {
  app = await openTestApp()
  owner = await app.newTenant()
  stranger = await app.newTenant()
  theirs = await fill(owner)
  own = await fill(stranger)
}, OPEN_MS)
afterAll(() => app.close())

/** One of everything; the run waits for outputs. */
async function fill(caller: Caller): Promise<Ids> {
  const done = await startRun(app, { caller, turns: [callsFunctions('c'), callsFunctions('c2')] })
  await storyOf(app, done)
  await answer(app, done, { c: 'out' })
  await untilEnd(app, done)
  const page = { limit: 1, order: 'asc' as const }
  const [step] = (await steps.listSteps(app, caller, { threadId: done.threadId, runId: done.run.id, page })).items
  const [message] = (await messages.listMessages(app, caller, { threadId: done.threadId, page })).items
  const asked = {
    model: 'echo',
    messages: [{ role: 'user', content: 'x' }],
    options: {},
    keep: { metadata: {} },
    signal: AbortSignal.timeout(4_000),
  }
  const completion = await completions.createCompletion(app, caller, asked)
  const { key } = await keys.createKey(app, caller, { name: 'k', scopes: ['read'] })
  const run = await runs.findRun(app, caller, done.run.id)
  const users = await fillUsers(app, caller)
  const plan = await fillPlan(app, caller, done.assistant.id)
  await participants.changeSharedThread(app, caller, { id: plan.idle, change: { userIds: [users.user] } })
  await ownership.own(app, caller, { kind: 'assistant', id: done.assistant.id, userId: users.user })
  return {
    ...users,
    ...plan,
    ...(await fillActions(app, caller, run)),
    ...(await fillStore(app, caller)),
    ...(await fillFiles(app, caller)),
    ...(await fillItems(app, caller)),
    ...(await fillTool(app, caller)),
    ...(await fillSchedules(app, caller, done.threadId)),
    assistant: done.assistant.id,
    thread: done.threadId,
    message: message?.id ?? '',
    run: done.run.id,
    step: step?.id ?? '',
    completion: completion.id ?? '',
    key: key.id,
  }
}

const page = { limit: 5, order: 'asc' as const }
const newRun = (ids: Ids) => ({ assistantId: ids.assistant, options: {} })
const theirRun = () => runs.getRun(app, owner, { threadId: theirs.thread, id: theirs.run })
const metadata = { intruder: 'was here' }

/** Every exported function of core that takes a caller and an id, by `module.function`, in each way an id can be foreign. */
const CASES: Record<string, Case[]> = {
  'assistants.getAssistant': [(c, ids) => assistants.getAssistant(app, c, ids.assistant)],
  'assistants.deleteAssistant': [(c, ids) => assistants.deleteAssistant(app, c, ids.assistant)],
  'assistants.listAssistants': [
    (c, ids) => assistants.listAssistants(app, c, { ...page, after: ids.assistant }),
    (c, ids) => assistants.listAssistants(app, c, { ...page, before: ids.assistant }),
  ],
  'completions.getCompletion': [(c, ids) => completions.getCompletion(app, c, ids.completion)],
  'completions.changeCompletion': [(c, ids) => completions.changeCompletion(app, c, { id: ids.completion, metadata })],
  'completions.deleteCompletion': [(c, ids) => completions.deleteCompletion(app, c, ids.completion)],
  'completions.listCompletionMessages': [(c, ids) => completions.listCompletionMessages(app, c, { id: ids.completion, page })],
  'completions.listCompletions': [
    (c, ids) => completions.listCompletions(app, c, { page: { ...page, after: ids.completion }, filter: {} }),
  ],
  'keys.revokeKey': [(c, ids) => keys.revokeKey(app, c, ids.key)],
  'create.createRun': [
    (c, ids) => create.createRun(app, c, { threadId: ids.thread, run: newRun(ids) }),
    (c, ids) => create.createRun(app, c, { threadId: ids.thread, run: { assistantId: own.assistant, options: {} } }),
  ],
  'journal.followRun': [
    async (c, ids) => {
      const run = { ...(await theirRun()), id: ids.run, threadId: ids.thread }
      return journal.followRun(app, c, { run, signal: AbortSignal.timeout(1_000) }).next()
    },
  ],
  'outputs.submitOutputs': [
    (c, ids) => outputs.submitOutputs(app, c, { threadId: ids.thread, id: ids.run, outputs: [{ callId: 'c2', output: 'x' }] }),
    (c, ids) => outputs.submitOutputs(app, c, { threadId: own.thread, id: ids.run, outputs: [{ callId: 'c2', output: 'x' }] }),
  ],
  'runs.getRun': [
    (c, ids) => runs.getRun(app, c, { threadId: ids.thread, id: ids.run }),
    (c, ids) => runs.getRun(app, c, { threadId: own.thread, id: ids.run }),
    (c, ids) => runs.getRun(app, c, { threadId: ids.thread, id: own.run }),
  ],
  'runs.changeRun': [
    (c, ids) => runs.changeRun(app, c, { threadId: ids.thread, id: ids.run, metadata }),
    (c, ids) => runs.changeRun(app, c, { threadId: own.thread, id: ids.run, metadata }),
  ],
  'runs.listRuns': [
    (c, ids) => runs.listRuns(app, c, { threadId: ids.thread, page }),
    (c, ids) => runs.listRuns(app, c, { threadId: own.thread, page: { ...page, after: ids.run } }),
  ],
  'steps.getStep': [
    (c, ids) => steps.getStep(app, c, { threadId: ids.thread, runId: ids.run, id: ids.step }),
    (c, ids) => steps.getStep(app, c, { threadId: own.thread, runId: own.run, id: ids.step }),
    (c, ids) => steps.getStep(app, c, { threadId: own.thread, runId: ids.run, id: ids.step }),
  ],
  'steps.listSteps': [
    (c, ids) => steps.listSteps(app, c, { threadId: ids.thread, runId: ids.run, page }),
    (c, ids) => steps.listSteps(app, c, { threadId: own.thread, runId: own.run, page: { ...page, before: ids.step } }),
  ],
  'stop.cancelRun': [
    (c, ids) => stop.cancelRun(app, c, { threadId: ids.thread, id: ids.run }),
    (c, ids) => stop.cancelRun(app, c, { threadId: own.thread, id: ids.run }),
  ],
  'messages.getMessage': [
    (c, ids) => messages.getMessage(app, c, { threadId: ids.thread, id: ids.message }),
    (c, ids) => messages.getMessage(app, c, { threadId: own.thread, id: ids.message }),
  ],
  'messages.listMessages': [
    (c, ids) => messages.listMessages(app, c, { threadId: ids.thread, page }),
    (c, ids) => messages.listMessages(app, c, { threadId: own.thread, page: { ...page, after: ids.message } }),
    (c, ids) => messages.listMessages(app, c, { threadId: own.thread, page, runId: ids.run }),
  ],
  'messages.changeMessage': [
    (c, ids) => messages.changeMessage(app, c, { threadId: ids.thread, id: ids.message, metadata }),
    (c, ids) => messages.changeMessage(app, c, { threadId: own.thread, id: ids.message, metadata }),
  ],
  'messages.deleteMessage': [
    (c, ids) => messages.deleteMessage(app, c, { threadId: ids.thread, id: ids.message }),
    (c, ids) => messages.deleteMessage(app, c, { threadId: own.thread, id: ids.message }),
  ],
  'threads.getThread': [(c, ids) => threads.getThread(app, c, ids.thread)],
  'threads.deleteThread': [(c, ids) => threads.deleteThread(app, c, ids.thread)],
  'checkpoints.readCheckpoints': [(c, ids) => checkpoints.readCheckpoints(app, c.tenantId, { threadId: ids.thread })],
  'checkpoints.readLog': [(c, ids) => checkpoints.readLog(app, c.tenantId, [ids.message])],
  'checkpoints.writeCheckpoints': [
    (c, ids) =>
      checkpoints.writeCheckpoints(app, {
        tenantId: c.tenantId,
        threadId: ids.thread,
        messages: [],
        checkpoints: [],
        blobs: [],
        writes: [],
        at: 0,
      }),
  ],
  'checkpoints.readHeads': [(c, ids) => checkpoints.readHeads(app, c.tenantId, [ids.thread])],
  'checkpoints.patchMetadata': [(c, ids) => checkpoints.patchMetadata(app, c, { threadId: ids.thread, metadata })],
  'checkpoints.deleteCheckpoints': [(c, ids) => checkpoints.deleteCheckpoints(app, c.tenantId, ids.thread)],
  ...storeCases({ app: () => app, own: () => own }),
  ...fileCases({ app: () => app, own: () => own }),
  ...resourceCases({ app: () => app, own: () => own }),
  ...assistantCases({ app: () => app, own: () => own }),
  ...itemCases({ app: () => app }),
  ...ownershipCases({ app: () => app, own: () => own }),
  ...toolCases({ app: () => app, own: () => own }),
  ...userCases({ app: () => app, own: () => own }),
  ...threadCases({ app: () => app, own: () => own }),
  ...runCases({ app: () => app, own: () => own, run: theirRun }),
  ...actionCases({ app: () => app, own: () => own, run: theirRun }),
  ...scheduleCases({ app: () => app, own: () => own }),
}

/** Functions without an id of a tenant in their input, or below the caller: the engine's own. */
const NO_ID = new Set(
  `completions.createCompletion completions.streamCompletion replay.streamCompletionOnce keys.createKey keys.listKeys users.createUser users.createAdmin users.listUsers users.requireOperator
  owned-assistants.createOwnedAssistant owned-stores.createOwnedStore tools.createTool tools.getToolNamed tools.listTools
  ownership.isManager rank.managesUsers ownership.requireManager ownership.mayActFor ownership.findAlias models.listModels models.getModel models.deleteModel models.embed idempotency.once
  idempotency.onceCalled idempotency.onceKept effects.effectsOf files.receiveContent uploads.createUpload signed.signedUpload
  tenant-settings.getSettings tenant-settings.putSettings
  threads.draftThread graph-threads.createGraphThread search.searchAssistants search.countAssistants graph-assistants.ensureGraphAssistants draft.draftRun
  operator.createOperator operator.claimInvite directory.listTenants directory.listMembers directory.listOperators
  mail.listMails mail.readMail resending.resendMail reading.listAuditEvents kept-keys.listTokenKeys kept-keys.dropTokenKey`.split(/\s+/),
)

const missing = (): Ids => ({
  assistant: newId(),
  thread: newId(),
  message: newId(),
  run: newId(),
  step: newId(),
  completion: newId(),
  key: newId(),
  user: newId(),
  tool: newId(),
  file: newId(),
  store: newId(),
  batch: newId(),
  document: newId(),
  upload: newId(),
  part: newId(),
  object: newId(),
  linked: newId(),
  label: newId(),
  schedule: newId(),
  action: newId(),
  plan: newId(),
  idle: newId(),
})

/** What came of it, with the ids that were asked for replaced by their names. */
async function outcome(run: () => Promise<unknown>, ids: Ids): Promise<string> {
  const told = await run().then(
    (value) => ({ value }),
    (error) => (error instanceof Fault ? { code: error.code, message: error.message, facts: error.facts } : { error: String(error) }),
  )
  return Object.entries(ids).reduce((text, [name, id]) => text.replaceAll(id, `<${name}>`), JSON.stringify(told))
}

const contents = async () =>
  Promise.all(
    [
      'assistant',
      'assistant_version',
      'thread',
      'message',
      'run',
      'run_step',
      'tool_call',
      'run_event',
      'checkpoint',
      'channel_blob',
      'checkpoint_write',
      'completion',
      'api_key',
      'tool',
      'action',
      'message_draft',
      'message_draft_part',
      'run_secret',
      'association',
      'ownership',
      'app_user',
      'file',
      'file_object',
      'upload',
      'upload_part',
      'vector_store',
      'vector_store_file',
      'store_entry',
      'file_batch',
      'chunk',
      'job',
      'schedule',
      'item',
      'service_token',
      'tenant_settings',
    ].map((table) => app.records.db.query(`select * from ${table} where tenant_id = $1 order by 1, 2`, [owner.tenantId])),
  )

test.each(Object.entries(CASES))(
  "%s answers for another tenant's id exactly as for one that is not there, and changes nothing",
  async (_, cases) => {
    const before = await contents()
    for (const run of cases) {
      const none = missing()
      const foreign = await outcome(() => run(stranger, theirs), theirs)
      expect(foreign).toBe(await outcome(() => run(stranger, none), none))
      expect(foreign).not.toContain('"error"')
    }
    expect(await contents()).toEqual(before)
  },
)

test('the same calls succeed or fail differently for the owner, so that the cases above do reach the records', async () => {
  const reads = ['assistants.getAssistant', 'runs.getRun', 'steps.getStep', 'messages.getMessage', 'threads.getThread', 'stores.getStore']
  const later = [
    'planned.getPlanned',
    'actions.getAction',
    'requested.requireAction',
    'participants.getSharedThread',
    'transcript.findMessage',
  ]
  for (const name of [...reads, ...later, 'completions.getCompletion', 'store-files.getStoreFile', 'batches.getBatch', 'files.getFile']) {
    const [own = () => Promise.reject(new Error(`no case for ${name}`))] = CASES[name] ?? []
    expect(await outcome(() => own(owner, theirs), theirs)).toStartWith('{"value":{')
  }
  const read = await checkpoints.readCheckpoints(app, owner.tenantId, { threadId: theirs.thread })
  expect(read.checkpoints.length).toBeGreaterThan(0)
})

test('every exported function of core that takes a caller has such a case', () => {
  const known = new Set([...Object.keys(CASES), ...NO_ID])
  const found: string[] = []
  for (const path of new Glob('src/core/*/*.ts').scanSync(ROOT)) {
    const module = path.match(/([\w-]+)\.ts$/)?.[1] ?? ''
    if (module.endsWith('store')) continue
    const text = readFileSync(join(ROOT, path), 'utf8')
    for (const [, name] of text.matchAll(/^export (?:async )?(?:function\*? |const )(\w+)[^\n]*\(\n?[^)]*\bcaller: Caller/gm))
      found.push(`${module}.${name}`)
  }
  expect(found.length).toBeGreaterThan(25)
  expect(found.filter((name) => !known.has(name))).toEqual([])
})
