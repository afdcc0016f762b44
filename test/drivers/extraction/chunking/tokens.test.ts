import { expect, test } from 'bun:test'
import { countTokens as countWithPackage } from 'gpt-tokenizer/encoding/cl100k_base'
import { countTokens } from '../../../../src/drivers/extraction/chunking/tokens.ts'
import { sequence } from '../../../support/documents/damage.ts'

const next = sequence(7)

test('long words are counted as the package counts them', () => {
  for (const letters of ['abcdefghij', 'aA', '漢字仮名', '=-', 'éñü', 'ab😀', '((']) {
    const alphabet = [...letters]
    for (const length of [199, 201, 700, 1500]) {
      const word = Array.from({ length }, () => alphabet[Math.floor(next() * alphabet.length)]).join('')
      expect(countTokens(word)).toBe(countWithPackage(word, { disallowedSpecial: new Set() }))
    }
  }
})

test('known texts have the tokens that the encoding gives them', () => {
  expect(countTokens('')).toBe(0)
  expect(countTokens('hello world')).toBe(2)
  expect(countTokens('Donaudampfschifffahrtsgesellschaft')).toBe(13)
})

test('the name of a special token is text', () => {
  expect(countTokens('<|endoftext|>')).toBeGreaterThan(1)
})
