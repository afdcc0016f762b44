import { expect, test } from 'bun:test'
import { askedOf, fusedScores, placesOf, rarity, WordScore } from '../../../src/core/vector-stores/fusion.ts'

const NOBODY: ReadonlySet<string> = new Set()

/** Share of a passage that has these words once, of a question whose words are in so many of 100 chunks. */
function share(question: string, has: readonly string[], options: { counts?: Record<string, number>; named?: string[] } = {}): number {
  const asked = askedOf(question)
  const counts = asked.words.map(({ word }) => options.counts?.[word] ?? 10)
  const presence = asked.words.map(({ word }) => (has.includes(word) ? 0.61 : 0))
  return new WordScore(asked, counts, 100).of({ presence, named: new Set(options.named ?? []) })
}

test('each word of a question is asked for once, with the ways in which it may be written', () => {
  const { words, terms } = askedOf('Café café Garantie')
  expect(words.map(({ word }) => word)).toEqual(['café', 'cafe', 'garantie', 'garan*'])
  expect(terms.map(({ lookups }) => lookups.map(({ index }) => index))).toEqual([
    [0, 1],
    [2, 3],
  ])
})

test('a question as long as a book asks for a bounded number of words', () => {
  const asked = askedOf(Array.from({ length: 5_000 }, (_, i) => `word${i}`).join(' '))
  expect(asked.terms.length).toBeLessThanOrEqual(48)
  expect(asked.words.length).toBeLessThanOrEqual(144)
  expect(askedOf('?! …')).toEqual({ words: [], terms: [] })
})

test('a word is worth the more the fewer chunks have it, and nothing when all have it', () => {
  expect(rarity(1, 100)).toBeGreaterThan(rarity(10, 100))
  expect(rarity(100, 100)).toBeLessThan(0.01)
  expect(rarity(200, 100)).toBeGreaterThanOrEqual(0)
})

test('a share is 0 to 1, and the rare word decides', () => {
  const counts = { the: 90, zebra: 1 }
  expect(share('the zebra', [], { counts })).toBe(0)
  expect(share('the zebra', ['zebra'], { counts })).toBeGreaterThan(share('the zebra', ['the'], { counts }) * 5)
  const asked = askedOf('the zebra')
  expect(new WordScore(asked, [90, 1], 100).of({ presence: [1, 1], named: NOBODY })).toBeCloseTo(1)
})

test('the exact word is worth more than its plain form, that more than its beginning', () => {
  const counts = { événement: 2, evenement: 2, 'evene*': 2 }
  const [exact, plain, beginning] = ['événement', 'evenement', 'evene*'].map((word) => share('événement rare', [word], { counts }))
  expect(exact).toBeGreaterThan(plain ?? 1)
  expect(plain).toBeGreaterThan(beginning ?? 1)
  expect(beginning).toBeGreaterThan(0)
})

test('a joined code that nobody has takes nothing away from its parts', () => {
  const counts = { inv7: 0, inv: 5, '7': 5 }
  expect(share('INV-7', ['inv', '7'], { counts })).toBeCloseTo(0.8, 1)
  expect(share('INV-7 nowhere', ['inv', '7'], { counts: { ...counts, nowhere: 0 } })).toBeLessThan(0.7)
})

test('a word that only the name of the document has counts, but less', () => {
  const inText = share('manual k9', ['k9', 'manual'])
  const inName = share('manual k9', ['manual'], { named: ['k9', 'pdf'] })
  expect(inName).toBeLessThan(inText)
  expect(inName).toBeGreaterThan(share('manual k9', ['manual']))
})

test('equal scores share a place, and 0 has none', () => {
  expect(placesOf([0.2, 0.9, 0.2, 0, 0.1])).toEqual([2, 1, 2, undefined, 4])
})

test('what is near the top of both lists comes before what leads one of them', () => {
  const trust = 1
  const scores = fusedScores([
    { cosine: 0.8, share: 0, trust },
    { cosine: 0.79, share: 0.78, trust },
    { cosine: 0, share: 0.8, trust },
  ])
  expect(Math.max(...scores)).toBe(scores[1] ?? 0)
  for (const score of scores) expect(score >= 0 && score <= 1).toBe(true)
})

test('the only good result is a good one, and the best of a bad lot stays bad', () => {
  expect(fusedScores([{ cosine: 1, share: 1, trust: 1 }])[0]).toBeCloseTo(1)
  expect(fusedScores([{ cosine: 0.05, share: 0.04, trust: 1 }])[0]).toBeLessThan(0.06)
  expect(fusedScores([{ cosine: 0, share: 0, trust: 1 }])).toEqual([0])
})

test('an embedding that knows no meanings does not outvote the words', () => {
  const found = (trust: number) =>
    fusedScores([
      { cosine: 0.6, share: 0.2, trust },
      { cosine: 0.2, share: 0.55, trust },
    ])
  const [similar = 0, worded = 0] = found(0.3)
  expect(worded).toBeGreaterThan(similar)
  const [trusted = 0, other = 0] = found(1)
  expect(trusted).toBeGreaterThan(other)
})
