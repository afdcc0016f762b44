import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SERVER_START_MS } from '../support/served.ts'
import { assistantPlays } from './langgraph-sdk-assistants.ts'
import { cronPlays, storePlays } from './langgraph-sdk-kept.ts'
import { runPlays } from './langgraph-sdk-runs.ts'
import { GROUNDS, methodsOf, openWorld, type Stage, type World } from './langgraph-sdk-stage.ts'
import { streamPlays } from './langgraph-sdk-streams.ts'
import { threadPlays } from './langgraph-sdk-threads.ts'
import { wirePlays } from './langgraph-sdk-wire.ts'
import { LANGGRAPH } from './langgraph-terms.ts'
import { hasProxy, violationsOf } from './proxy.ts'

const ALL = {
  assistants: assistantPlays,
  threads: threadPlays,
  runs: runPlays,
  streams: streamPlays,
  crons: cronPlays,
  store: storePlays,
  wire: wirePlays,
}
const ALL_MS = 120_000

let world: World
beforeAll(async () => {
  world = await openWorld()
}, SERVER_START_MS)
afterAll(() => world?.close())

const placeOf = (alone: boolean): string => (alone ? 'at the root of a listener' : 'under a path')

for (const ground of GROUNDS)
  describe(`langgraph-sdk ${ground.version} ${placeOf(ground.alone)}`, () => {
    let stage: Stage
    beforeAll(() => {
      stage = world.stage(ground)
    })

    const acts: (() => Promise<void>)[] = []
    for (const [part, plays] of Object.entries(ALL))
      describe(part, () => {
        for (const [title, play] of Object.entries(plays)) {
          let done: Promise<void> | undefined
          // The tests below count what happened, in whatever order they run.
          const once = () => (done ??= play(stage))
          acts.push(once)
          test(title, once, ALL_MS)
        }
      })

    const playAll = async (): Promise<void> => {
      // A play that failed tells so in its own test.
      for (const act of acts) await act().catch(() => undefined)
    }

    test(
      'every method of the clients was called',
      async () => {
        await playAll()
        expect(methodsOf(ground.version).filter((name) => !stage.called.has(name))).toEqual([])
      },
      ALL_MS,
    )

    if (!ground.checked) return
    test.skipIf(!hasProxy)(
      'nothing that was answered broke the contract of 2024 beyond its known defects',
      async () => {
        await playAll()
        const report = stage.traffic?.report()
        if (!report) throw new Error('Nobody watched.')
        expect(report.totals.calls).toBeGreaterThan(100)
        expect(violationsOf(report, LANGGRAPH)).toEqual([])
      },
      ALL_MS,
    )
  })
