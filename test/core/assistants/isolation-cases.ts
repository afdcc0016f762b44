import * as assistants from '../../../src/core/assistants/assistants.ts'
import * as graphs from '../../../src/core/assistants/graph-assistants.ts'
import * as owned from '../../../src/core/assistants/owned-assistants.ts'
import * as versions from '../../../src/core/assistants/versions.ts'
import type { Caller } from '../../../src/core/caller.ts'
import type { TestApp } from '../../support/app.ts'

interface Ids {
  user: string
  assistant: string
  file: string
  store: string
}
type Case = (caller: Caller, ids: Ids) => Promise<unknown>

const METADATA = { intruder: 'was here' }
const PAGE = { limit: 5, offset: 0 }

const naming = (ids: Ids) => [
  { configurable: { tool_resources: { code_interpreter: { file_ids: [ids.file] } } } },
  { configurable: { tool_resources: { file_search: { vector_store_ids: [ids.store] } } } },
]

/** Every way in which an assistant, or what its settings name, can be foreign. `own` is what the stranger has itself. */
export function assistantCases(open: { app: () => TestApp; own: () => Ids }): Record<string, Case[]> {
  const { app, own } = open
  return {
    'assistants.getBuiltInAssistant': [(c, ids) => assistants.getBuiltInAssistant(app(), c, ids.assistant)],
    'graph-assistants.resolveAssistant': [(c, ids) => graphs.resolveAssistant(app(), c, ids.assistant)],
    'graph-assistants.createGraphAssistant': [0, 1].map(
      (n) => (c, ids) => graphs.createGraphAssistant(app(), c, { graph: 'assistant', settings: naming(ids)[n] ?? {} }),
    ),
    'graph-assistants.changeGraphAssistant': [
      (c, ids) => graphs.changeGraphAssistant(app(), c, { id: ids.assistant, change: { metadata: METADATA } }),
      ...[0, 1].map(
        (n): Case =>
          (c, ids) =>
            graphs.changeGraphAssistant(app(), c, { id: own().assistant, change: { settings: naming(ids)[n] ?? {} } }),
      ),
    ],
    'graph-assistants.deleteGraphAssistant': [
      (c, ids) => graphs.deleteGraphAssistant(app(), c, { id: ids.assistant, deleteThreads: true }),
    ],
    'owned-assistants.changeOwnedAssistant': [
      (c, ids) => owned.changeOwnedAssistant(app(), c, { name: { id: ids.assistant }, change: { metadata: METADATA }, facts: METADATA }),
    ],
    'owned-assistants.deleteOwnedAssistant': [(c, ids) => owned.deleteOwnedAssistant(app(), c, { id: ids.assistant })],
    'owned-assistants.assistantsOf': [(c, ids) => owned.assistantsOf(app(), c, ids.user)],
    'owned-assistants.giveAssistant': [
      (c, ids) => owned.giveAssistant(app(), c, { name: { id: ids.assistant }, userId: own().user }),
      (c, ids) => owned.giveAssistant(app(), c, { name: { id: own().assistant }, userId: ids.user }),
    ],
    'owned-assistants.takeAssistant': [
      (c, ids) => owned.takeAssistant(app(), c, { name: { id: ids.assistant }, userId: own().user }),
      (c, ids) => owned.takeAssistant(app(), c, { name: { id: own().assistant }, userId: ids.user }),
    ],
    'versions.addVersion': [(c, ids) => versions.addVersion(app(), c, { id: ids.assistant, change: (current) => current })],
    'versions.listVersions': [(c, ids) => versions.listVersions(app(), c, { id: ids.assistant, ...PAGE })],
    'versions.setLatestVersion': [(c, ids) => versions.setLatestVersion(app(), c, { id: ids.assistant, version: 1 })],
  }
}
