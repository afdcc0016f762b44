import type { JsonObject } from '../../src/core/json.ts'
import type { Chance } from './chance.ts'

/** Where the webhooks of the lab arrive. */
export interface LabReceiver {
  url: string
  /** What was told of each run: the id of every message, and the status it named. */
  readonly told: Map<string, { ids: Set<string>; statuses: Set<string>; times: number }>
  stop(): Promise<void>
}

/** Refuses a few messages, which then come again. */
export function openLabReceiver(chance: Chance, refusing: boolean): LabReceiver {
  const told: LabReceiver['told'] = new Map()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const body = (await request.json()) as JsonObject
      const run = String(body.run_id)
      const known = told.get(run) ?? { ids: new Set(), statuses: new Set(), times: 0 }
      told.set(run, known)
      known.ids.add(request.headers.get('webhook-id') ?? '')
      known.statuses.add(String(body.status))
      known.times++
      return new Response(null, { status: refusing && chance.is(0.03) ? 503 : 204 })
    },
  })
  return { url: `http://127.0.0.1:${server.port}/told`, told, stop: () => server.stop(true) }
}
