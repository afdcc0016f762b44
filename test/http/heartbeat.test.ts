import { expect, test } from 'bun:test'
import { withBeats } from '../../src/http/heartbeat.ts'

test('a silence is filled with beats, and what is said goes through as it is', async () => {
  let speak: (text: string) => void = () => undefined
  async function* source() {
    yield 'a'
    yield await new Promise<string>((resolve) => {
      speak = resolve
    })
  }
  const heard: string[] = []
  for await (const text of withBeats(source(), { everyMs: 5, beat: '-' })) {
    heard.push(text)
    if (heard.length === 3) speak('b')
  }
  expect(heard.slice(0, 3)).toEqual(['a', '-', '-'])
  expect(heard.at(-1)).toBe('b')
  expect(heard.filter((text) => text !== '-')).toEqual(['a', 'b'])
})

test('a source that fails fails its reader, and one whose reader leaves is closed', async () => {
  async function* failing() {
    yield 'a'
    throw new Error('broken')
  }
  await expect(Array.fromAsync(withBeats(failing(), { everyMs: 1000, beat: '-' }))).rejects.toThrow('broken')
  let closed = false
  async function* endless() {
    try {
      for (;;) yield 'a'
    } finally {
      closed = true
    }
  }
  for await (const _ of withBeats(endless(), { everyMs: 1000, beat: '-' })) break
  expect(closed).toBe(true)
})
