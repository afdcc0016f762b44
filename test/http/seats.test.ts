import { expect, test } from 'bun:test'
import { takeSeat } from '../../src/http/seats.ts'
import { openStreams } from '../../src/http/streams.ts'

const streams = () => openStreams({ streamsMax: 10, keepAliveMs: 1000 })

test('there are as many seats as are stated, each is left once, and each thing has its own', () => {
  const here = streams()
  const seat = { of: 'a', max: 2 }
  const [first] = [takeSeat(here, seat), takeSeat(here, seat)]
  expect(() => takeSeat(here, seat)).toThrow('At most 2')
  takeSeat(here, { of: 'b', max: 2 })
  takeSeat(streams(), seat)
  first()
  first()
  takeSeat(here, seat)
  expect(() => takeSeat(here, seat)).toThrow('At most 2')
})
