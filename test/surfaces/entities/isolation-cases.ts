import type { Served } from '../../support/served.ts'
import { TOOL } from './isolation-world.ts'
import { sender } from './kit.ts'

/** What a person has, by the names the cases use. */
export interface Ids {
  user: string
  keyPrefix: string
  assistant: string
  tool: string
  thread: string
  message: string
  /** Not begun. */
  plannedRun: string
  /** Waits for `action`. */
  run: string
  action: string
  file: string
  store: string
  entry: string
  /** Of the entry. */
  path: string
}

export interface Call {
  method: string
  path: string
  body?: unknown
}

/** A call that reaches for what is `theirs`, helped by what the caller has itself. */
export type Case = (theirs: Ids, own: Ids) => Call

const get = (path: string): Call => ({ method: 'GET', path })
const post = (path: string, body?: unknown): Call => ({ method: 'POST', path, body })
const put = (path: string, body: unknown): Call => ({ method: 'PUT', path, body })
const patch = (path: string, body: unknown): Call => ({ method: 'PATCH', path, body })
const remove = (path: string): Call => ({ method: 'DELETE', path })

const INTRUDER = { by: 'an intruder' }
const says = (thread: string, assistant: string) => ({ thread_id: thread, assistant_id: assistant, content: 'x', role: 'user' })

function upload(user: string): FormData {
  const form = new FormData()
  form.set('purpose', 'assistants')
  form.set('user_id', user)
  form.set('file', new File(['x'], 'x.txt', { type: 'text/plain' }))
  return form
}

const ofFile = (to: string): Case[] => [({ file }) => get(`/uploads/${file}${to}`)]
const ofThread = (call: (path: string) => Call): Case[] => [({ thread }) => call(`/threads/${thread}`)]
const ofRun = (call: (run: string) => Call): Case[] => [({ run }) => call(run), ({ plannedRun }) => call(plannedRun)]
const ofUser = (call: (path: string) => Call): Case[] => [({ user }) => call(`/users/${user}`)]
const ofStore = (call: (path: string) => Call): Case[] => [({ store }) => call(`/vector-stores/${store}`)]

/** Either of the two is the caller's own, or none. */
const ofBoth = <A extends keyof Ids, B extends keyof Ids>(a: A, b: B, call: (a: string, b: string) => Call): Case[] => [
  (theirs, own) => call(theirs[a], own[b]),
  (theirs, own) => call(own[a], theirs[b]),
  (theirs) => call(theirs[a], theirs[b]),
]

const given = (call: (path: string) => Call): Case[] => [
  ({ assistant }, own) => call(`/users/${own.user}/assistants/${assistant}`),
  ({ user, assistant }) => call(`/users/${user}/assistants/${assistant}`),
]

const dimensions = { name: 'Taken', vector_size: 3, distance_metric: 'cosine' }
const newEntry = (id: string) => ({ file_id: id, file_name: 'x', file_path: '/x' })

/** Every operation with an id in it, by its name in the document. */
export const CASES: Record<string, Case[]> = {
  get_user: ofUser(get),
  update_user: ofUser((path) => put(path, { full_name: 'Intruder' })),
  delete_user: ofUser(remove),
  admin_create_api_key_for_user: [({ user }) => post(`/admin/users/${user}/keys`, {})],
  create_api_key: ofUser((path) => post(`${path}/apikeys`, {})),
  list_api_keys: ofUser((path) => get(`${path}/apikeys?include_inactive=true`)),
  get_api_key_details: ofBoth('user', 'keyPrefix', (user, prefix) => get(`/users/${user}/apikeys/${prefix}`)),
  revoke_api_key: ofBoth('user', 'keyPrefix', (user, prefix) => remove(`/users/${user}/apikeys/${prefix}`)),
  get_assistant: [({ assistant }) => get(`/assistants/${assistant}`)],
  update_assistant: [({ assistant }) => put(`/assistants/${assistant}`, { name: 'Intruder' })],
  delete_assistant: [({ assistant }) => remove(`/assistants/${assistant}`)],
  list_assistants_by_user: ofUser((path) => get(`${path}/assistants`)),
  // Of whom an owner may give his own assistant to, there is a test of its own.
  associate_assistant_with_user: given((path) => post(path)),
  disassociate_assistant_from_user: given(remove),
  get_tool: [({ tool }) => get(`/tools/${tool}`)],
  update_tool: [({ tool }) => put(`/tools/${tool}`, { name: 'intruder' })],
  delete_tool: [({ tool }) => remove(`/tools/${tool}`)],
  list_tools: [({ assistant }) => get(`/assistants/${assistant}/tools`)],
  associate_tool_with_assistant: ofBoth('assistant', 'tool', (assistant, tool) => post(`/assistants/${assistant}/tools/${tool}`)),
  disassociate_tool_from_assistant: ofBoth('assistant', 'tool', (assistant, tool) => remove(`/assistants/${assistant}/tools/${tool}`)),
  list_user_threads: [({ user }) => get(`/threads/user/${user}`)],
  list_threads_of_user: ofUser((path) => get(`${path}/threads`)),
  get_thread: ofThread(get),
  update_thread: ofThread((path) => put(path, { meta_data: INTRUDER })),
  update_thread_by_post: ofThread((path) => post(path, { meta_data: INTRUDER })),
  delete_thread: ofThread(remove),
  update_thread_metadata: ofThread((path) => put(`${path}/metadata`, INTRUDER)),
  list_messages: ofThread((path) => get(`${path}/messages?order=desc`)),
  get_formatted_messages: ofThread((path) => get(`${path}/formatted_messages`)),
  get_message: [({ message }) => get(`/messages/${message}`)],
  update_message: [({ message }) => put(`/messages/${message}`, { meta_data: INTRUDER })],
  delete_message: [({ message }) => remove(`/messages/${message}`)],
  create_message: [({ thread }, own) => post('/messages', says(thread, own.assistant))],
  save_assistant_message: [
    ({ thread }, own) => post('/messages/assistant', { ...says(thread, own.assistant), role: 'assistant', is_last_chunk: true }),
    ({ thread }, own) => post('/messages/assistant', { ...says(thread, own.assistant), role: 'assistant', is_last_chunk: false }),
  ],
  submit_tool_response: [
    ({ thread, action }, own) => post('/messages/tools', { ...says(thread, own.assistant), role: 'tool', tool_id: action }),
  ],
  create_run: [
    ({ thread }, own) => post('/runs', { thread_id: thread, assistant_id: own.assistant }),
    ({ assistant }, own) => post('/runs', { thread_id: own.thread, assistant_id: assistant }),
  ],
  list_runs: [({ thread }) => get(`/runs?thread_id=${thread}`)],
  get_run: ofRun((run) => get(`/runs/${run}`)),
  delete_run: ofRun((run) => remove(`/runs/${run}`)),
  update_run_status: ofRun((run) => put(`/runs/${run}/status`, { status: 'completed' })),
  cancel_run: ofRun((run) => post(`/runs/${run}/cancel`)),
  create_action: ofRun((run) => post('/actions', { tool_name: TOOL, run_id: run })),
  get_pending_actions: ofRun((run) => get(`/actions/pending/${run}`)),
  get_actions_by_status: ofRun((run) => get(`/runs/${run}/actions/status`)),
  get_action: [({ action }) => get(`/actions/${action}`)],
  update_action_status: [({ action }) => put(`/actions/${action}`, { status: 'completed', result: INTRUDER })],
  delete_action: [({ action }) => remove(`/actions/${action}`)],
  completions: [
    ({ thread, run, assistant }) => post('/completions', { model: 'asks', thread_id: thread, run_id: run, assistant_id: assistant }),
    ({ plannedRun }, own) =>
      post('/completions', { model: 'asks', thread_id: own.thread, run_id: plannedRun, assistant_id: own.assistant }),
    ({ thread }, own) => post('/completions', { model: 'asks', thread_id: thread, run_id: own.plannedRun, assistant_id: own.assistant }),
    ({ assistant }, own) => post('/completions', { model: 'asks', thread_id: own.thread, run_id: own.plannedRun, assistant_id: assistant }),
  ],
  register_run_monitoring: ofRun((run) => post('/monitor', { run_id: run })),
  subscribe_to_run_events: ofRun((run) => get(`/subscribe/${run}`)),
  upload_file: [({ user }) => post('/uploads', upload(user))],
  get_file_by_id: ofFile(''),
  delete_file: [({ file }) => remove(`/uploads/${file}`)],
  download_file_as_object: ofFile('/object'),
  get_file_as_base64: ofFile('/base64'),
  get_signed_url: ofFile('/signed-url'),
  get_file_as_base64_v1: ofFile('/base64'),
  generate_signed_url: ofFile('/signed-url?expires_in=60&use_real_filename=true'),
  create_vector_store_endpoint: [
    ({ user }) => post('/vector-stores', { ...dimensions, shared_id: `vect_${'x'.repeat(22)}`, user_id: user }),
  ],
  retrieve_vector_store_by_collection_endpoint: [({ store }) => get(`/vector-stores/lookup/collection?name=${store}`)],
  get_vector_store_endpoint: ofStore(get),
  delete_vector_store_endpoint: ofStore((path) => remove(`${path}?permanent=true`)),
  add_file_to_vector_store_endpoint: [
    ...ofStore((path) => post(`${path}/files`, newEntry(`vsf_${'0'.repeat(8)}`))),
    ({ file }, own) => post(`/vector-stores/${own.store}/files`, { ...newEntry(`vsf_${'1'.repeat(8)}`), upload_id: file }),
  ],
  list_files_in_vector_store_endpoint: ofStore((path) => get(`${path}/files`)),
  delete_file_from_vector_store_endpoint: [
    ({ store, path }) => remove(`/vector-stores/${store}/files?file_path=${path}`),
    ({ path }, own) => remove(`/vector-stores/${own.store}/files?file_path=${path}`),
  ],
  update_vector_store_file_status_endpoint: ofBoth('store', 'entry', (store, entry) =>
    patch(`/vector-stores/${store}/files/${entry}`, { status: 'failed', error_message: 'An intruder.' }),
  ),
  get_stores_by_user_endpoint: ofUser((path) => get(`${path}/vector-stores`)),
  get_vector_stores_for_assistant_endpoint: [({ assistant }) => get(`/assistants/${assistant}/vector-stores`)],
  attach_vector_store_to_assistant_endpoint: ofBoth('assistant', 'store', (assistant, store) =>
    post(`/assistants/${assistant}/vector-stores/${store}/attach`),
  ),
  detach_vector_store_from_assistant_endpoint: ofBoth('assistant', 'store', (assistant, store) =>
    remove(`/assistants/${assistant}/vector-stores/${store}/detach`),
  ),
}

/** Operations that no id leads into; each with its reason. */
export const NO_ID: Record<string, string> = {
  health_check: 'says nothing of anybody',
  create_user: 'names nobody',
  create_assistant: 'a chosen id is taken in its own tenant only: see the test of names',
  create_tool: 'names nobody; two owners may choose one name: see the test of names',
  create_thread: 'whoever is named as a participant learns of the thread, not the other way round: see the test of participants',
  list_tools_for_assistant: 'lists the caller’s own: see the test of lists',
  get_tool_by_name: 'two owners may choose one name: see the test of names',
  download_file: 'needs a signature, which only the owner is given: test of downloads',
  download_file_via_signed_url: 'needs a signature, which only the owner is given: test of downloads',
}

const ID = /(?:user|thread|message|run|asst|tool|act|file)_[0-9A-Za-z]{22}/g
const TIME = /\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)/g
const SECONDS = /\b1[789]\d{8}\b/g

/** What came of a call, with the ids that were asked for replaced by their names, and what differs from request to request. */
export async function outcome(served: Served, key: string, { call, ids, base }: { call: Call; ids: Ids; base: string }): Promise<string> {
  const { method, path, body } = call
  const response = await sender(served, key, base)(method, path, body, { signal: AbortSignal.timeout(10_000) })
  const told = `${response.status} ${response.headers.get('content-type')} ${await response.text()}`
  const named = Object.entries(ids).reduce((text, [name, id]) => text.replaceAll(id, `<${name}>`), told)
  return named.replaceAll(ID, '<id>').replaceAll(TIME, '<time>').replaceAll(SECONDS, '<seconds>')
}
