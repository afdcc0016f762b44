import * as assistants from '../../../src/core/assistants/assistants.ts'
import type { Caller } from '../../../src/core/caller.ts'
import * as create from '../../../src/core/runs/create.ts'
import * as attachments from '../../../src/core/threads/attachments.ts'
import * as messages from '../../../src/core/threads/messages.ts'
import * as threads from '../../../src/core/threads/threads.ts'
import * as resources from '../../../src/core/tool-resources/tool-resources.ts'
import type { TestApp } from '../../support/app.ts'

interface Ids {
  assistant: string
  thread: string
  file: string
  store: string
}
type Case = (caller: Caller, ids: Ids) => Promise<unknown>

/** Every way in which a file or store that a tool is given can be foreign. `own` is what the stranger has itself. */
export function resourceCases(open: { app: () => TestApp; own: () => Ids }): Record<string, Case[]> {
  const wanted: ((ids: Ids) => resources.NewToolResources)[] = [
    (ids) => ({ codeInterpreter: { fileIds: [ids.file] } }),
    (ids) => ({ fileSearch: { storeIds: [ids.store] } }),
    (ids) => ({ fileSearch: { newStore: { fileIds: [ids.file] } } }),
  ]
  const plain = wanted.slice(0, 2) as ((ids: Ids) => resources.ToolResources)[]
  const said: ((ids: Ids) => messages.NewMessage)[] = [
    (ids) => ({ role: 'user', content: 'x', attachments: [{ fileId: ids.file, tools: [{ type: 'file_search' }] }] }),
    (ids) => ({ role: 'user', content: [{ type: 'image_file', image_file: { file_id: ids.file } }] }),
  ]
  const inside = <T>(work: (app: TestApp) => Promise<T>): Promise<T> =>
    open.app().db.transaction((db) => work({ ...open.app(), db: db as TestApp['db'] }))
  const write = () => Promise.reject(new Error('written'))
  return {
    'tool-resources.requireResources': wanted.slice(0, 2).map((of) => (c, ids) => resources.requireResources(open.app(), c, of(ids))),
    'tool-resources.resolveIn': wanted.map(
      (of) => (c, ids) => inside((app) => resources.resolveIn(app, c, { wanted: of(ids), expiresDays: null })),
    ),
    'tool-resources.withResources': wanted.map(
      (of) => (c, ids) => resources.withResources(open.app(), c, { wanted: of(ids), expiresDays: null, write }),
    ),
    'assistants.createAssistant': wanted.map(
      (of) => (c, ids) => assistants.createAssistant(open.app(), c, { model: 'echo', toolResources: of(ids) }),
    ),
    'assistants.changeAssistant': [
      (c, ids) => assistants.changeAssistant(open.app(), c, { id: ids.assistant, change: { name: 'x' } }),
      ...plain.map(
        (of): Case =>
          (c, ids) =>
            assistants.changeAssistant(open.app(), c, { id: open.own().assistant, change: { toolResources: of(ids) } }),
      ),
    ],
    'threads.createThread': [
      ...wanted.map(
        (of): Case =>
          (c, ids) =>
            threads.createThread(open.app(), c, { toolResources: of(ids) }),
      ),
      ...said.map(
        (of): Case =>
          (c, ids) =>
            threads.createThread(open.app(), c, { messages: [of(ids)] }),
      ),
    ],
    'threads.createThreadIn': said.map((of) => (c, ids) => inside((app) => threads.createThreadIn(app, c, { messages: [of(ids)] }))),
    'threads.changeThread': [
      (c, ids) => threads.changeThread(open.app(), c, { id: ids.thread, change: { metadata: { intruder: 'was here' } } }),
      ...plain.map(
        (of): Case =>
          (c, ids) =>
            threads.changeThread(open.app(), c, { id: open.own().thread, change: { toolResources: of(ids) } }),
      ),
    ],
    'messages.createMessage': [
      (c, ids) => messages.createMessage(open.app(), c, { threadId: ids.thread, message: { role: 'user', content: 'intruder' } }),
      ...said.map(
        (of): Case =>
          (c, ids) =>
            messages.createMessage(open.app(), c, { threadId: ids.thread, message: of(ids) }),
      ),
    ],
    'attachments.requireFiles': said.map((of) => (c, ids) => attachments.requireFiles(open.app(), c, [of(ids)])),
    'attachments.giveFilesIn': [
      (c, ids) => inside((app) => attachments.giveFilesIn(app, c, { resources: null, messages: said.slice(0, 1).map((of) => of(ids)) })),
    ],
    'attachments.attachIn': [
      (c, ids) => inside((app) => attachments.attachIn(app, c, { threadId: ids.thread, messages: [] })),
      (c, ids) => inside((app) => attachments.attachIn(app, c, { threadId: ids.thread, messages: said.map((of) => of(open.own())) })),
    ],
    'create.createThreadRun': [
      (c, ids) => create.createThreadRun(open.app(), c, { assistantId: ids.assistant, options: {}, thread: {} }),
      ...plain.map(
        (of): Case =>
          (c, ids) =>
            create.createThreadRun(open.app(), c, { assistantId: open.own().assistant, options: { toolResources: of(ids) }, thread: {} }),
      ),
    ],
  }
}
