import { describe, expect, test } from 'bun:test'
import { type Chunk, Chunker } from '../../../../src/drivers/extraction/chunking/chunker.ts'
import { Normalizer } from '../../../../src/drivers/extraction/chunking/normalizer.ts'
import { countTokens } from '../../../../src/drivers/extraction/chunking/tokens.ts'
import type { Chunking } from '../../../../src/drivers/extraction/port.ts'
import { sequence } from '../../../support/documents/damage.ts'

const DEFAULT: Chunking = { tokensMax: 800, overlapTokens: 400 }

function chunksOf(text: string, chunking: Chunking = DEFAULT, piece = 65_536, headings = true): Chunk[] {
  const chunker = new Chunker(chunking, { headings })
  const chunks: Chunk[] = []
  for (let at = 0; at < text.length; at += piece) chunks.push(...chunker.push(text.slice(at, at + piece)))
  chunks.push(...chunker.end())
  return chunks
}

function normalized(text: string): string {
  const normalizer = new Normalizer()
  return normalizer.push(text) + normalizer.end()
}

const next = sequence(42)
const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T

const LETTERS: Record<string, readonly string[]> = {
  english: [...'the quick brown fox jumps over a lazy dog. Then it sleeps! \n\n'],
  japanese: [...'これは日本語の文章です。漢字と仮名が交じる、改行\n'],
  thai: [...'นี่คือประโยคภาษาไทยที่ไม่มีช่องว่าง '],
  arabic: [...'هذه جملة باللغة العربية، وهي قصيرة. \n'],
  emoji: ['👩‍👩‍👧‍👦', '🏳️‍🌈', '👍🏽', 'e\u0301', ' ', '\n'],
  anything: Array.from({ length: 500 }, () => String.fromCodePoint(Math.floor(next() * 0x10_0000))),
}

const random = (letters: readonly string[], length: number): string => Array.from({ length }, () => pick(letters)).join('')

describe('for any text and any sizes', () => {
  const sizes: Chunking[] = [
    DEFAULT,
    { tokensMax: 100, overlapTokens: 50 },
    { tokensMax: 100, overlapTokens: 0 },
    { tokensMax: 4096, overlapTokens: 2048 },
  ]
  test.each(Object.keys(LETTERS))('all of %s text is covered, in order, within its limits', (language) => {
    for (const chunking of sizes) {
      const text = random(LETTERS[language] ?? [], 12_000)
      const chunks = chunksOf(text, chunking)
      expect(chunks.map((chunk) => chunk.text.slice(chunk.repeated)).join('')).toBe(normalized(text))
      for (const [i, chunk] of chunks.entries()) {
        const overlap = chunk.text.slice(0, chunk.repeated)
        expect(chunk.tokens).toBe(countTokens(chunk.text))
        expect(chunk.tokens).toBeLessThanOrEqual(chunking.tokensMax)
        expect(countTokens(overlap)).toBeLessThanOrEqual(chunking.overlapTokens)
        expect(chunks[i - 1]?.text.endsWith(overlap) ?? overlap === '').toBe(true)
        expect(chunk.text.isWellFormed()).toBe(true)
        expect(chunk.text).not.toContain('\0')
      }
    }
  })

  test('it does not matter in which pieces a text arrives', () => {
    const text = random([...(LETTERS.english ?? []), ...(LETTERS.emoji ?? []), '\r\n', '\r'], 30_000)
    const whole = chunksOf(text)
    for (const piece of [1, 7, 1000, 65_537]) expect(chunksOf(text, DEFAULT, piece)).toEqual(whole)
  })

  test('no letter is parted from its marks or its other half', () => {
    const family = '👩‍👩‍👧‍👦'
    for (const { text, repeated } of chunksOf(family.repeat(2000), { tokensMax: 100, overlapTokens: 50 })) {
      expect(text.replaceAll(family, '')).toBe('')
      expect(text.slice(repeated).replaceAll(family, '')).toBe('')
    }
  })
})

describe('where it cuts', () => {
  const sentence = 'The delivery takes place within ten working days after payment. '
  test('a heading begins a chunk where it comes near the end of one', () => {
    const text = `${sentence.repeat(52)}\n\n## Returns\n\n${sentence.repeat(52)}`
    const [first, second] = chunksOf(text, { tokensMax: 800, overlapTokens: 0 })
    expect(first?.text.trimEnd()).toEndWith('payment.')
    expect(second?.text).toStartWith('## Returns')
  })

  test('sentences stay whole, and so does what is repeated', () => {
    const chunks = chunksOf(sentence.repeat(300))
    expect(chunks.length).toBeGreaterThan(4)
    for (const { text } of chunks) {
      expect(text).toStartWith('The delivery')
      expect(text.trimEnd()).toEndWith('payment.')
    }
  })

  test('chunks are well filled and repeat what was asked for', () => {
    const chunks = chunksOf(`${sentence.repeat(5)}\n`.repeat(60)).slice(1, -1)
    for (const { tokens, text, repeated } of chunks) {
      expect(tokens).toBeGreaterThan(560)
      expect(countTokens(text.slice(0, repeated))).toBeGreaterThan(300)
    }
  })

  test('a comment of a program is no heading', () => {
    const line = '# set x to one and go on with the next of many lines\nx = 1\n'
    const chunks = chunksOf(line.repeat(100), { tokensMax: 400, overlapTokens: 0 }, 65_536, false)
    expect(Math.min(...chunks.slice(0, -1).map((chunk) => chunk.tokens))).toBeGreaterThan(350)
  })

  test('a short text is one chunk, no text none', () => {
    expect(chunksOf('One line.')).toEqual([{ text: 'One line.', tokens: 3, repeated: 0 }])
    expect(chunksOf(' \n\n\t ')).toEqual([])
  })
})

describe('normalised text', () => {
  test('has one kind of line end, composed letters and nothing invisible', () => {
    expect(normalized('\ufeffa\r\nb\rc\u2028d \t\n\n\n\ne\u0301\u00ad\0\u0007\u200bf\u00a0g\ud800h')).toBe('a\nb\nc\nd\n\né\u0066 g\ufffdh')
  })
})

test('time grows with length and not with its square, whatever the text', () => {
  const texts = ['a'.repeat(2_000_000), `${'word '.repeat(400_000)}`, '漢'.repeat(500_000), '=\n'.repeat(400_000), ' '.repeat(5_000_000)]
  for (const text of texts) {
    const began = process.cpuUsage()
    chunksOf(text)
    const { user, system } = process.cpuUsage(began)
    expect((user + system) / 1e6).toBeLessThan(15)
  }
})
