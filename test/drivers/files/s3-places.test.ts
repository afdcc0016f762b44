import { expect, test } from 'bun:test'
import { Places } from '../../../src/drivers/files/s3-places.ts'

const never = new AbortController().signal

test('who comes when all places are taken waits for the first that is given back', async () => {
  const places = new Places(1)
  await places.take(never)
  const order: string[] = []
  const second = places.take(never).then(() => order.push('second'))
  const third = places.take(never).then(() => order.push('third'))
  expect(order).toEqual([])
  places.give()
  await second
  expect(order).toEqual(['second'])
  places.give()
  await third
  expect(order).toEqual(['second', 'third'])
})

test('who stops waiting takes no place', async () => {
  const places = new Places(1)
  await places.take(never)
  const impatient = new AbortController()
  const waiting = places.take(impatient.signal).catch((error: Error) => error.message)
  impatient.abort()
  expect(await waiting).toBe('interrupted')
  expect(await places.take(impatient.signal).catch((error: Error) => error.message)).toBe('interrupted')
  places.give()
  await places.take(never)
})
