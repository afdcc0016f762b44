import { describe, expect, test } from 'bun:test'
import { Fault } from '../../../src/core/fault.ts'
import { newId, spellId } from '../../../src/core/id.ts'
import { decodeId, requireId, spell, spellOrNull } from '../../../src/surfaces/entities/ids.ts'

const ID = newId()

test('ids are shown with the prefix of their kind and 22 letters and digits', () => {
  expect(spell('message', ID)).toMatch(/^message_[0-9A-Za-z]{22}$/)
  expect(spell('assistant', ID)).toMatch(/^asst_[0-9A-Za-z]{22}$/)
  expect(spellOrNull('run', null)).toBeNull()
})

test('an id that a client chose is shown as it is', () => {
  expect(spell('assistant', 'default')).toBe('default')
})

describe('an id is read', () => {
  test('in both spellings, and under the prefix of another surface', () => {
    expect(requireId('thread', spell('thread', ID))).toBe(ID)
    expect(requireId('thread', spellId('thread_', ID))).toBe(ID)
    expect(requireId('message', spellId('msg_', ID))).toBe(ID)
    expect(requireId('file', spellId('file-', ID))).toBe(ID)
  })

  test('of its own kind only', () => {
    expect(decodeId('run', spell('thread', ID))).toBeUndefined()
    expect(decodeId('run', ID)).toBeUndefined()
  })

  test('and one that cannot exist is missing, told without its length', () => {
    const text = `run_${'x'.repeat(1000)}`
    try {
      requireId('run', text)
      throw new Error('not refused')
    } catch (error) {
      expect(error).toBeInstanceOf(Fault)
      const { code, facts } = error as Fault
      expect([code, facts.kind]).toEqual(['not_found', 'run'])
      expect(facts.id?.length).toBeLessThan(120)
    }
  })
})
