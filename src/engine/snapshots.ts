import type { RunnableConfig } from '@langchain/core/runnables'
import type { StateSnapshot as LibrarySnapshot } from '@langchain/langgraph'
import type { StateInterrupt, StateSnapshot, StateTask } from '../core/graphs/graphs.ts'
import type { JsonObject } from '../core/json.ts'
import { toPlain } from './plain.ts'

type LibraryTask = LibrarySnapshot['tasks'][number]

/** A state of a graph as core knows it. */
export function snapshotFrom(state: LibrarySnapshot): StateSnapshot {
  const created = state.createdAt === undefined ? null : Date.parse(state.createdAt)
  return {
    values: toPlain(state.values ?? {}),
    next: [...state.next],
    tasks: state.tasks.map(taskFrom),
    metadata: state.metadata === undefined ? null : (toPlain(state.metadata) as JsonObject),
    createdAt: created,
    checkpoint: created === null ? null : checkpointFrom(state.config),
    parent: state.parentConfig ? checkpointFrom(state.parentConfig) : null,
  }
}

function checkpointFrom(config: RunnableConfig): { id: string; ns: string } | null {
  const { checkpoint_id: id, checkpoint_ns: ns } = (config.configurable ?? {}) as { checkpoint_id?: string; checkpoint_ns?: string }
  return id ? { id, ns: ns ?? '' } : null
}

function taskFrom(task: LibraryTask): StateTask {
  const { state } = task
  const nested = state && 'values' in state ? snapshotFrom(state as LibrarySnapshot) : null
  return {
    id: task.id,
    name: String(task.name),
    path: toPlain((task as { path?: unknown }).path ?? null),
    error: errorText(task.error),
    interrupts: interruptsFrom(task.interrupts),
    checkpoint: state && !nested ? placeFrom(state as RunnableConfig) : null,
    state: nested,
    result: toPlain((task as { result?: unknown }).result ?? null),
  }
}

function placeFrom(config: RunnableConfig): StateTask['checkpoint'] {
  const { checkpoint_id: id, checkpoint_ns: ns } = (config.configurable ?? {}) as { checkpoint_id?: string; checkpoint_ns?: string }
  return { ns: ns ?? '', ...(id ? { id } : {}) }
}

/** What a task failed with, as JSON text `{"message","name"}`. */
function errorText(error: unknown): string | null {
  if (error === undefined || error === null) return null
  return typeof error === 'string' ? error : JSON.stringify(toPlain(error))
}

export const interruptsFrom = (interrupts: unknown): StateInterrupt[] =>
  (Array.isArray(interrupts) ? interrupts : []).map((given: unknown) => {
    const { id, value } = (given ?? {}) as { id?: unknown; value?: unknown }
    return { id: typeof id === 'string' ? id : '', value: toPlain(value ?? null) }
  })
