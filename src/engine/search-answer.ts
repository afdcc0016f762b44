import { type BaseMessage, ToolMessage } from '@langchain/core/messages'
import { newId } from '../core/id.ts'
import { markerOf, type SearchArtifact, searchesIn } from './citations.ts'
import { own } from './messages.ts'
import { FILE_SEARCH, QUERIES_MAX } from './offer.ts'
import type { Found } from './search.ts'

const QUERY_CHARS_MAX = 2_000
const NAME_CHARS_MAX = 80
/** Of all results of a turn: about 16 000 tokens. They stay in the thread's prompts. */
const RESULTS_CHARS_MAX = 64_000
/** Of one turn: a confused model may ask for any number. */
export const SEARCHES_MAX = 8

const HOW_TO_CITE =
  'Answer from these results. Behind every statement that a result supports, write the marker of that result exactly as it stands here, brackets included. Cite nothing else.'

/**
 * What to look for. Models differ in how well they keep to a schema: a lone text will do, and who says nothing usable asks
 * the user's own question.
 */
export function queriesOf(args: Record<string, unknown>, messages: readonly BaseMessage[]): string[] {
  const said = [args.queries, args.query].flat().filter((text): text is string => typeof text === 'string' && text.trim() !== '')
  const queries = said.length > 0 ? said : [lastQuestion(messages)]
  return queries.slice(0, QUERIES_MAX).map((text) => text.slice(0, QUERY_CHARS_MAX))
}

const lastQuestion = (messages: readonly BaseMessage[]): string => messages.findLast((m) => m.getType() === 'human')?.text ?? ''

/** The number of the thread's next search: what was cited by a number keeps it. */
export const nextSearch = (messages: readonly BaseMessage[]): number =>
  Math.max(-1, ...searchesIn(messages).map(({ search }) => search)) + 1

/** The results that fit beside those of the turn's other searches: later ones are the worse ones. The first is cut rather than left out. */
export function fitting({ detail, notes }: Found, searches: number): Found {
  const most = Math.floor(RESULTS_CHARS_MAX / Math.min(searches, SEARCHES_MAX))
  let left = most
  const results = detail.results.flatMap((result, i) => {
    const text = i === 0 ? result.text.slice(0, most) : result.text
    left -= text.length
    return left >= 0 ? [{ ...result, text }] : []
  })
  return { detail: { ...detail, results }, notes }
}

/** A file's name as a marker can hold it: on one line, without the marker's own signs. */
const nameIn = (name: string): string => {
  const plain = name.replace(/[【】†\p{C}\p{Zl}\p{Zp}]/gu, '_')
  return [...plain].slice(0, NAME_CHARS_MAX).join('')
}

/** A document must not pass for a result of its own. */
const harmless = (text: string): string => text.replace(/【(?=\s*\d+\s*:)/g, '[')

/** The message that answers a search: for the model a text, for citations what each marker stands for. */
export function searchMessage(callId: string, search: number, { detail, notes }: Found): ToolMessage {
  const shown = detail.results.map((r, i) => `${markerOf(search, i, nameIn(r.fileName))}\n${harmless(r.text)}`)
  const head = shown.length > 0 ? [HOW_TO_CITE] : notes.length > 0 ? [] : ['Nothing was found.']
  const artifact: SearchArtifact = {
    search,
    results: detail.results.map(({ fileId, fileName, score }) => ({ fileId, fileName, score })),
  }
  return own(
    new ToolMessage({
      id: newId(),
      content: [...notes, ...head, ...shown].join('\n\n'),
      tool_call_id: callId,
      name: FILE_SEARCH,
      artifact,
    }),
  )
}
