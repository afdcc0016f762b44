import { expect, test } from 'bun:test'
import { derivedId, isUuid, namedId, newId, readId, spellId, spellShortId } from '../../src/core/id.ts'

test('new ids are UUIDs of version 7 that sort by creation', () => {
  const ids = Array.from({ length: 2_000 }, newId)
  expect(ids.every(isUuid)).toBe(true)
  expect(ids.every((id) => id[14] === '7')).toBe(true)
  expect([...ids].sort()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
})

test('a spelled id reads back to the same UUID, under its own prefix only', () => {
  const id = newId()
  const spelled = spellId('thread_', id)
  expect(spelled).toBe(`thread_${id.replaceAll('-', '')}`)
  expect(readId('thread_', spelled)).toBe(id)
  expect(readId('run_', spelled)).toBeUndefined()
})

test.each([
  '',
  'thread_',
  'thread_0192',
  `thread_${'g'.repeat(32)}`,
  `thread_${'A'.repeat(32)}`,
  `thread_${'0'.repeat(33)}`,
  `thread_${'0'.repeat(31)}\n`,
  `Thread_${'0'.repeat(32)}`,
  newId(),
])('%p is no id of a thread', (text) => {
  expect(readId('thread_', text)).toBeUndefined()
})

test.each(['', 'x', newId().toUpperCase(), newId().replaceAll('-', ''), `${newId()} `, `{${newId()}}`])(
  '%p is no canonical UUID',
  (text) => {
    expect(isUuid(text)).toBe(false)
  },
)

test('derived ids are the same for the same id and number, differ for others, and stand beside it in order', () => {
  const [one, two] = [newId(), newId()]
  expect(derivedId(one, 7)).toBe(derivedId(one, 7))
  const all = [one, two].flatMap((id) => Array.from({ length: 500 }, (_, n) => derivedId(id, n)))
  expect(new Set(all).size).toBe(1_000)
  for (const id of all)
    expect([isUuid(id), id.slice(0, 13)]).toEqual([true, one.slice(0, 13) === id.slice(0, 13) ? one.slice(0, 13) : two.slice(0, 13)])
})

test('a name has the same id in a namespace everywhere', () => {
  const namespace = '6ba7b821-9dad-11d1-80b4-00c04fd430c8'
  expect(namedId(namespace, 'agent')).toBe('fe096781-5601-53d2-b2f6-0d3403f7e9ca')
  // The example of RFC 9562.
  expect(namedId('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2')
  expect(isUuid(namedId(namespace, 'ü\n'))).toBe(true)
})

test('an id of 22 letters and digits reads back to the same UUID, and no other text does', () => {
  for (const id of [newId(), crypto.randomUUID(), '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']) {
    const spelled = spellShortId('run_', id)
    expect(spelled).toMatch(/^run_[0-9A-Za-z]{22}$/)
    expect(readId('run_', spelled)).toBe(id)
    expect(readId('thread_', spelled)).toBeUndefined()
  }
  // The base-62 digits of 2^128 - 1, worked out by hand division elsewhere.
  expect(spellShortId('', 'ffffffff-ffff-ffff-ffff-ffffffffffff')).toBe('7n42DGM5Tflk9n8mt7Fhc7')
})

test.each(['7n42DGM5Tflk9n8mt7Fhc8', 'zzzzzzzzzzzzzzzzzzzzzz', '0'.repeat(21), '0'.repeat(23), `${'0'.repeat(21)}-`])(
  '%p is the short spelling of no UUID',
  (text) => expect(readId('run_', `run_${text}`)).toBeUndefined(),
)

test('short spellings sort like the ids', () => {
  const ids = Array.from({ length: 200 }, newId)
  const spelled = ids.map((id) => spellShortId('', id))
  expect([...spelled].sort()).toEqual(spelled)
})
