import { expect, test } from 'bun:test'
import type { JsonObject } from '../../src/core/json.ts'
import type { CheckedTraffic, ProxyReport } from './proxy.ts'

export interface Plays {
  /** A test whose traffic counts. */
  play(title: string, act: () => Promise<void>): void
  /** What came of all of them, whichever ran before: played once, whoever asks first. */
  allTraffic(): Promise<ProxyReport>
}

/** @param options.inOrder each builds on those before it */
export function openPlays(proxy: () => CheckedTraffic, ms: number, { inOrder = false } = {}): Plays {
  const plays: (() => Promise<void>)[] = []
  return {
    play(title, act) {
      const before = inOrder ? plays.at(-1) : undefined
      let done: Promise<void> | undefined
      const once = () => (done ??= Promise.resolve(before?.()).then(act))
      plays.push(once)
      test(title, once, ms)
    },
    async allTraffic() {
      for (const act of plays) await act()
      return proxy().report()
    },
  }
}

/** Operations without a single success. */
export const neverSucceeded = ({ operations }: Pick<ProxyReport, 'operations'>): string[] =>
  operations
    .filter(({ statuses }) => !Object.keys(statuses).some((status) => status.startsWith('2')))
    .map(({ method, path }) => `${method} ${path}`)

export const countedLine = ({ totals }: ProxyReport): string =>
  `proxy: ${totals.calls} calls, ${totals.exercised} operations, ${totals.warnings} warnings`

type Answering = Response | Promise<Response>

/** Fails with what was said instead. JSON as it is, else `text`; empty where nothing came. */
export async function okOf(call: string, answering: Answering): Promise<JsonObject> {
  const answer = await answering
  const text = await answer.text()
  expect([call, answer.status < 300, text]).toEqual([call, true, text])
  const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true
  if (text.trim() === '') return {}
  return isJson ? (JSON.parse(text) as JsonObject) : { text }
}

export async function refusedWith(status: number, call: string, answering: Answering): Promise<void> {
  const answer = await answering
  expect([call, answer.status, await answer.text()]).toEqual([call, status, expect.any(String)])
}
