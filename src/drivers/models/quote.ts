import type { Json, JsonObject } from '../../core/json.ts'
import { wordsOf } from './lexical-hash.ts'
import type { ScriptTurn } from './port.ts'
import { chunksOf, messageText } from './script.ts'

/** The name says what it does: it understands nothing, it searches for the question's own words and quotes a sentence. */
export const QUOTE = 'quote'

const SEARCH = 'file_search'
const NO_TOOL = `I can only quote from files: give the assistant the tool '${SEARCH}'.`
const NOTHING = 'I found nothing about that in the files.'
const QUOTE_CHARS_MAX = 400

/** First a search for the user's question, then a sentence of the best result with its marker. */
export function quoteTurn(messages: readonly JsonObject[], tools: Json): ScriptTurn {
  const asked = messages.findLastIndex((message) => message.role === 'user')
  const question = messageText(messages[asked]?.content ?? null)
  const answer = messages.slice(asked + 1).find((message) => message.role === 'tool')
  if (answer) return { text: chunksOf(quoteFrom(messageText(answer.content ?? null), question)) }
  if (!offersSearch(tools)) return { text: chunksOf(NO_TOOL) }
  return { calls: [{ name: SEARCH, arguments: { queries: [question] } }] }
}

const offersSearch = (tools: Json): boolean => Array.isArray(tools) && tools.some((tool) => Object(Object(tool).function).name === SEARCH)

/** Results as the server writes them for models: each a marker on a line of its own, then the text. */
const RESULT = /^(【\d+:\d+†[^】\n]*】)\n([\s\S]*?)(?=\n\n【\d+:\d+†[^】\n]*】\n|$(?![\s\S]))/m
const SENTENCE_END = /(?<=[。！？])|(?<=[.!?])\s+|\n+/

function quoteFrom(results: string, question: string): string {
  const [, marker = '', text = ''] = RESULT.exec(results) ?? []
  const sentences = text.split(SENTENCE_END).flatMap((part) => part.trim() || [])
  const wanted = featuresOf(question)
  let best = sentences[0]
  let most = 0
  for (const sentence of sentences) {
    const shared = sharedLength(featuresOf(sentence), wanted)
    if (shared > most) [best, most] = [sentence, shared]
  }
  return best === undefined ? NOTHING : best.slice(0, QUOTE_CHARS_MAX) + marker
}

/** Words, and of words in other scripts their pairs of letters too: some are written without spaces. */
function featuresOf(text: string): Set<string> {
  const features = new Set<string>()
  for (const word of wordsOf(text)) {
    features.add(word)
    if (!/^[\x21-\x7e]*$/.test(word)) for (let at = 0; at + 2 <= word.length; at++) features.add(word.slice(at, at + 2))
  }
  return features
}

const sharedLength = (features: Set<string>, wanted: Set<string>): number => {
  let length = 0
  for (const feature of features) if (wanted.has(feature)) length += feature.length
  return length
}
