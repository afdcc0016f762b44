import { type BaseMessage, ToolMessage } from '@langchain/core/messages'
import type { Citation } from '../core/threads/citation.ts'

/** What a search result is cited by; `search` counts the searches of a thread, `result` the results of that search. */
export const markerOf = (search: number, result: number, name: string): string => `【${search}:${result}†${name}】`

/** What the message that answers a search keeps beside its text, so that its results stay citable as long as the thread. */
export interface SearchArtifact {
  search: number
  results: { fileId: string; fileName: string; score: number }[]
}

const isArtifact = (value: unknown): value is SearchArtifact =>
  typeof value === 'object' && value !== null && 'search' in value && 'results' in value && Array.isArray(value.results)

/** The searches of a thread, oldest first. Nobody but the engine can write such a message. */
export const searchesIn = (messages: readonly BaseMessage[]): SearchArtifact[] =>
  messages.flatMap((m) => (ToolMessage.isInstance(m) && isArtifact(m.artifact) ? [m.artifact] : []))

/** Files by `<search>:<result>`. Undefined where the thread has no result to cite. */
export function citable(messages: readonly BaseMessage[]): Map<string, string> | undefined {
  const files = new Map<string, string>()
  for (const { search, results } of searchesIn(messages))
    for (const [result, { fileId }] of results.entries()) files.set(`${search}:${result}`, fileId)
  return files.size > 0 ? files : undefined
}

/** A piece of text, and the file that it names where it is a marker. */
export interface Piece {
  text: string
  fileId?: string
}

const OPEN = '【'
const CLOSE = '】'
/** Longest marker, in characters: what is longer is text. */
const MARKER_MAX = 300
/** How a marker may begin. What stands behind the dagger is for people: models shorten and change it. */
const BEGINNING = /^【(?:\d{1,6}(?::(?:\d{1,3}(?:†[^】\n]*)?)?)?)?$/
const MARKER = /^【(\d{1,6}:\d{1,3})(?:†[^】\n]*)?】$/

/**
 * Finds markers in text that arrives in parts. A part is passed on at once, but for what may be the beginning of a marker:
 * that is held until it is one, or cannot be one any more.
 */
export class MarkerReader {
  private held = ''

  constructor(private readonly files: ReadonlyMap<string, string>) {}

  push(part: string): Piece[] {
    if (this.held === '' && !part.includes(OPEN)) return [{ text: part }]
    const pieces: Piece[] = []
    let text = this.held + part
    let plain = ''
    this.held = ''
    for (let at = text.indexOf(OPEN); at >= 0; at = text.indexOf(OPEN)) {
      plain += text.slice(0, at)
      text = text.slice(at)
      const marker = this.markerAt(text)
      if (marker === 'open') {
        this.held = text
        text = ''
      } else if (marker) {
        if (plain !== '') pieces.push({ text: plain })
        plain = ''
        pieces.push(marker)
        text = text.slice(marker.text.length)
      } else {
        plain += OPEN
        text = text.slice(OPEN.length)
      }
    }
    plain += text
    if (plain !== '') pieces.push({ text: plain })
    return pieces
  }

  /** What is still held when the text is over: no marker any more. */
  rest(): string {
    const { held } = this
    this.held = ''
    return held
  }

  /** The marker that `text` begins with; `open` while it may become one. */
  private markerAt(text: string): Piece | 'open' | undefined {
    const end = text.slice(0, MARKER_MAX).indexOf(CLOSE)
    if (end < 0) return text.length < MARKER_MAX && BEGINNING.test(text) ? 'open' : undefined
    const marker = text.slice(0, end + CLOSE.length)
    const fileId = this.files.get(MARKER.exec(marker)?.[1] ?? '')
    return fileId === undefined ? undefined : { text: marker, fileId }
  }
}

/** The annotation of a marker that begins at `start` of its text. */
export const citation = (marker: string, start: number, fileId: string): Citation => ({
  type: 'file_citation',
  text: marker,
  start_index: start,
  end_index: start + marker.length,
  file_citation: { file_id: fileId },
})
