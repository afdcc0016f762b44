import type { Caller } from '../../../src/core/caller.ts'
import * as schedules from '../../../src/core/schedules/schedules.ts'
import type { TestApp } from '../../support/app.ts'
import { newSchedule } from '../../support/schedules.ts'

export interface ScheduleIds {
  schedule: string
}
interface Given extends ScheduleIds {
  thread: string
  assistant: string
}
type Case = (caller: Caller, ids: Given) => Promise<unknown>

export const fillSchedules = async (app: TestApp, caller: Caller, threadId: string): Promise<ScheduleIds> => ({
  schedule: (await newSchedule(app, caller, { threadId, enabled: false })).id,
})

/** Every way in which an id of these functions can be foreign. */
export function scheduleCases(open: { app: () => TestApp; own: () => Given }): Record<string, Case[]> {
  const page = { sortBy: 'createdAt', descending: true, limit: 5, offset: 0 } as const
  const { app, own } = open
  return {
    'schedules.createSchedule': [
      (c, ids) => newSchedule(app(), c, { assistantId: ids.assistant }),
      (c, ids) => newSchedule(app(), c, { assistantId: own().assistant, threadId: ids.thread }),
    ],
    'schedules.getSchedule': [(c, ids) => schedules.getSchedule(app(), c, ids.schedule)],
    'schedules.changeSchedule': [(c, ids) => schedules.changeSchedule(app(), c, { id: ids.schedule, change: { enabled: true } })],
    'schedules.deleteSchedule': [(c, ids) => schedules.deleteSchedule(app(), c, ids.schedule)],
    'schedules.searchSchedules': [
      (c, ids) => schedules.searchSchedules(app(), c, { ...page, filter: { threadId: ids.thread } }),
      (c, ids) => schedules.searchSchedules(app(), c, { ...page, filter: { assistantId: ids.assistant } }),
    ],
    'schedules.countSchedules': [(c, ids) => schedules.countSchedules(app(), c, { threadId: ids.thread })],
  }
}
