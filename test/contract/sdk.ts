import OpenAI from 'openai'
import type { AssistantStream } from 'openai/lib/AssistantStream'
import type { Message } from 'openai/resources/beta/threads/messages'
import type { Run, RunSubmitToolOutputsParams } from 'openai/resources/beta/threads/runs/runs'
import type { RunStep } from 'openai/resources/beta/threads/runs/steps'
import OpenAI4 from 'openai-4'

type Outputs = RunSubmitToolOutputsParams.ToolOutput[]
type Metadata = { metadata: Record<string, string> }

/**
 * One version of the SDK, unmodified. `client` has the methods that both versions call the same; the others take their
 * arguments in another order, or have another name.
 */
export interface Sdk {
  name: string
  client: OpenAI
  errors: Pick<
    typeof OpenAI,
    'APIError' | 'AuthenticationError' | 'BadRequestError' | 'InternalServerError' | 'NotFoundError' | 'PermissionDeniedError'
  >
  deleteAssistant(id: string): Promise<unknown>
  deleteThread(id: string): Promise<unknown>
  getMessage(threadId: string, id: string): Promise<Message>
  changeMessage(threadId: string, id: string, change: Metadata): Promise<Message>
  deleteMessage(threadId: string, id: string): Promise<unknown>
  getRun(threadId: string, id: string): Promise<Run>
  changeRun(threadId: string, id: string, change: Metadata): Promise<Run>
  cancelRun(threadId: string, id: string): Promise<Run>
  pollRun(threadId: string, id: string): Promise<Run>
  submitAndPoll(threadId: string, runId: string, outputs: Outputs): Promise<Run>
  submitStream(threadId: string, runId: string, outputs: Outputs): AssistantStream
  listSteps(threadId: string, runId: string): Promise<RunStep[]>
  getStep(threadId: string, runId: string, id: string): Promise<RunStep>
  deleteModel(id: string): Promise<unknown>
  deleteCompletion(id: string): Promise<unknown>
}

export interface Access {
  baseURL: string
  apiKey: string
}

export const SDKS: Record<string, (access: Access) => Sdk> = { 'openai 7.57.0': openSdk7, 'openai 4.95.0': openSdk4 }

async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of pages) items.push(item)
  return items
}

function openSdk7(access: Access): Sdk {
  const client = new OpenAI({ ...access, maxRetries: 0 })
  const { assistants, threads } = client.beta
  const { messages, runs } = threads
  return {
    name: '7.57.0',
    client,
    errors: OpenAI,
    deleteAssistant: (id) => assistants.delete(id),
    deleteThread: (id) => threads.delete(id),
    getMessage: (thread_id, id) => messages.retrieve(id, { thread_id }),
    changeMessage: (thread_id, id, change) => messages.update(id, { thread_id, ...change }),
    deleteMessage: (thread_id, id) => messages.delete(id, { thread_id }),
    getRun: (thread_id, id) => runs.retrieve(id, { thread_id }),
    changeRun: (thread_id, id, change) => runs.update(id, { thread_id, ...change }),
    cancelRun: (thread_id, id) => runs.cancel(id, { thread_id }),
    pollRun: (thread_id, id) => runs.poll(id, { thread_id }),
    submitAndPoll: (thread_id, id, tool_outputs) => runs.submitToolOutputsAndPoll(id, { thread_id, tool_outputs }),
    submitStream: (thread_id, id, tool_outputs) => runs.submitToolOutputsStream(id, { thread_id, tool_outputs, stream: true }),
    listSteps: (thread_id, id) => collect(runs.steps.list(id, { thread_id, limit: 1, order: 'asc' })),
    getStep: (thread_id, run_id, id) => runs.steps.retrieve(id, { thread_id, run_id }),
    deleteModel: (id) => client.models.delete(id),
    deleteCompletion: (id) => client.chat.completions.delete(id),
  }
}

/** The objects have the same shape in both versions, but not the same types: they are shown as those of 7.57.0. */
function openSdk4(access: Access): Sdk {
  const client = new OpenAI4({ ...access, maxRetries: 0 })
  const { assistants, threads } = client.beta
  const { messages, runs } = threads
  const shown = <T>(answer: PromiseLike<unknown>): Promise<T> => Promise.resolve(answer) as Promise<T>
  return {
    name: '4.95.0',
    client: client as unknown as OpenAI,
    errors: OpenAI4 as unknown as Sdk['errors'],
    deleteAssistant: (id) => assistants.del(id),
    deleteThread: (id) => threads.del(id),
    getMessage: (threadId, id) => shown(messages.retrieve(threadId, id)),
    changeMessage: (threadId, id, change) => shown(messages.update(threadId, id, change)),
    deleteMessage: (threadId, id) => messages.del(threadId, id),
    getRun: (threadId, id) => shown(runs.retrieve(threadId, id)),
    changeRun: (threadId, id, change) => shown(runs.update(threadId, id, change)),
    cancelRun: (threadId, id) => shown(runs.cancel(threadId, id)),
    pollRun: (threadId, id) => shown(runs.poll(threadId, id)),
    submitAndPoll: (threadId, id, tool_outputs) => shown(runs.submitToolOutputsAndPoll(threadId, id, { tool_outputs })),
    submitStream: (threadId, id, tool_outputs) =>
      runs.submitToolOutputsStream(threadId, id, { tool_outputs, stream: true }) as unknown as AssistantStream,
    listSteps: (threadId, id) => shown(collect(runs.steps.list(threadId, id, { limit: 1, order: 'asc' }))),
    getStep: (threadId, runId, id) => shown(runs.steps.retrieve(threadId, runId, id)),
    deleteModel: (id) => client.models.del(id),
    deleteCompletion: (id) => client.chat.completions.del(id),
  }
}

/** The exception that the SDK makes of a refusal. */
export async function refusedBy(sdk: Sdk, call: Promise<unknown>): Promise<InstanceType<Sdk['errors']['APIError']>> {
  const error = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!(error instanceof sdk.errors.APIError)) throw new Error(`Not refused by the API: ${String(error)}`)
  return error
}
