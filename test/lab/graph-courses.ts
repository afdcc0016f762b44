import type { SentRun } from './graph-history.ts'
import { askTask, fanTask, nestTask, type Task, workTask } from './graph-kinds.ts'
import type { Strategy } from './graph-runs.ts'

/** What a course of the crash lab asks of a server, which may end at any of these. */
export interface CourseApi {
  /** Resolves when the server has said that the run is there. */
  run(sent: SentRun, strategy?: Strategy): Promise<void>
  over(sent: SentRun): Promise<void>
  cancel(sent: SentRun, how: { rollback: boolean }): Promise<void>
  update(thread: string, line: string): Promise<void>
}

export interface CourseGround {
  api: CourseApi
  thread: string
  /** A run that is about to be sent. */
  note(task: Task, more?: { answer?: string; mayVanish?: boolean }): SentRun
  tag(): string
  /** Until it is opened, which it is when the course is over, a step waits before it. */
  gate: string
}

/** All that runs go through between a request and their end. The thread has seen a run before. */
export const COURSES: Record<string, (ground: CourseGround) => Promise<void>> = {
  async steps({ api, note, tag }) {
    const sent = note(workTask(tag(), { steps: 3, pauseMs: 1 }))
    await api.run(sent)
    await api.over(sent)
  },
  async branches({ api, note, tag }) {
    const sent = note(fanTask(tag(), { steps: 2, pauseMs: 10 }))
    await api.run(sent)
    await api.over(sent)
  },
  async answered({ api, note, tag }) {
    const task = askTask(tag(), 1)
    const asking = note(task)
    await api.run(asking)
    await api.over(asking)
    const answering = note(task, { answer: 'yes' })
    await api.run(answering)
    await api.over(answering)
  },
  async nested({ api, note, tag }) {
    const task = nestTask(tag(), { asks: true, pauseMs: 1 })
    const asking = note(task)
    await api.run(asking)
    await api.over(asking)
    const answering = note(task, { answer: 'yes' })
    await api.run(answering)
    await api.over(answering)
  },
  async 'nested, kept at the end'({ api, note, tag }) {
    const task = { ...nestTask(tag(), { asks: true, pauseMs: 1 }), durability: 'exit' as const }
    const asking = note(task)
    await api.run(asking)
    await api.over(asking)
    const answering = note(task, { answer: 'yes' })
    await api.run(answering)
    await api.over(answering)
  },
  async enqueued({ api, note, tag }) {
    const all = [60, 1, 1].map((pauseMs) => note(workTask(tag(), { steps: 1, pauseMs })))
    for (const sent of all) await api.run(sent, 'enqueue')
    for (const sent of all) await api.over(sent)
  },
  async interrupted({ api, note, tag, gate }) {
    const [first, last] = [note(workTask(tag(), { steps: 1, pauseMs: 1, gate })), note(workTask(tag(), { steps: 1, pauseMs: 1 }))]
    await api.run(first)
    await api.run(last, 'interrupt')
    await api.over(last)
  },
  async 'rolled back'({ api, note, tag, gate }) {
    const first = note(workTask(tag(), { steps: 1, pauseMs: 1, gate }), { mayVanish: true })
    const second = note(workTask(tag(), { steps: 1, pauseMs: 1 }), { mayVanish: true })
    const last = note(workTask(tag(), { steps: 1, pauseMs: 1 }))
    await api.run(first)
    await api.run(second, 'enqueue')
    await api.run(last, 'rollback')
    await api.over(last)
  },
  async cancelled({ api, note, tag, gate }) {
    for (const rollback of [false, true]) {
      const sent = note(workTask(tag(), { steps: 1, pauseMs: 1, gate }), { mayVanish: rollback })
      await api.run(sent)
      await api.cancel(sent, { rollback })
      await api.over(sent)
    }
  },
  async updated({ api, thread, tag }) {
    await api.update(thread, tag())
  },
}
