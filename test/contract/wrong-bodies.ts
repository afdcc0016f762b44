import type { Json } from '../../src/core/json.ts'
import type { Operation, Schema } from './operations.ts'
import { dice, eachText, faultsOf, garbled, sampleOf } from './schema-faults.ts'

/** An operation that takes a body. */
export type Writing = Operation & { body: Schema }

export const withBody = (operations: readonly Operation[]): Writing[] =>
  operations.flatMap((operation) => (operation.body ? [{ ...operation, body: operation.body }] : []))

/** What a dialect that lists mistakes answers; `loc` is the place of the first. */
export interface Answer {
  status: number
  loc: unknown
  text: string
}

export type AskWith = (operation: Writing, body: Json) => Promise<Answer>

const SHOWN_CHARS = 200
const lineOf = ({ method, path }: Writing, about: string, { status, text }: Answer): string =>
  `${method} ${path} ${about}: ${status} ${text.slice(0, SHOWN_CHARS)}`

/** Every wrong field of every body: those that are not refused with 422 by their name, and how many were tried. */
export async function unnamedFaults(operations: readonly Writing[], ask: AskWith): Promise<{ wrong: string[]; tried: number }> {
  const wrong: string[] = []
  let tried = 0
  for (const operation of operations)
    for (const { path, why, body } of faultsOf(operation.body)) {
      const answer = await ask(operation, body)
      const field = path.split(/[.[]/)[0] ?? ''
      const { loc } = answer
      const isNamed = Array.isArray(loc) && loc[0] === 'body' && (field === '' || loc[1] === field)
      tried++
      if (answer.status !== 422 || !isNamed) wrong.push(lineOf(operation, `${path} ${why}`, answer))
    }
  return { wrong, tried }
}

/** NUL and half surrogates in every text and key: those that are not refused with 422. */
export async function takenTexts(operations: readonly Writing[], ask: AskWith): Promise<string[]> {
  const taken: string[] = []
  for (const operation of operations)
    for (const bad of ['\u0000', '\ud800', '\udc00x'])
      for (const { path, body } of eachText(sampleOf(operation.body), (text) => text + bad)) {
        const answer = await ask(operation, body)
        if (answer.status !== 422) taken.push(lineOf(operation, path, answer))
      }
  return taken
}

const ROUNDS = 12

/** Bodies that are changed at random, always in the same way: those at which the server failed. */
export async function failures(operations: readonly Writing[], ask: AskWith): Promise<string[]> {
  const roll = dice(20_261_122)
  const failed: string[] = []
  for (const operation of operations)
    for (let round = 0; round < ROUNDS; round++) {
      const body = garbled(sampleOf(operation.body), roll)
      const answer = await ask(operation, body)
      if (answer.status >= 500) failed.push(lineOf(operation, JSON.stringify(body), answer))
    }
  return failed
}
