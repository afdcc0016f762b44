import { expect, test } from 'bun:test'
import { sendBase64 } from '../../src/http/base64.ts'

/** A stream of these chunks that tells whether it was given up. */
function streamOf(chunks: (Uint8Array | Error)[], seen: { cancelled?: unknown } = {}): ReadableStream<Uint8Array> {
  const queue = [...chunks]
  return new ReadableStream(
    {
      pull(controller) {
        const next = queue.shift()
        if (next instanceof Error) throw next
        if (next) controller.enqueue(next)
        else controller.close()
      },
      cancel(reason) {
        seen.cancelled = reason
      },
    },
    { highWaterMark: 0 },
  )
}

const bytes = (count: number): Uint8Array => new Uint8Array(count).map((_, i) => (i * 37 + 11) % 256)

test('content in chunks of any length is one text', async () => {
  for (const lengths of [[], [0], [1], [2], [3], [1, 1, 1], [2, 2, 2, 2], [4, 0, 5, 1], [1000, 1, 1, 65_537]]) {
    const chunks = lengths.map(bytes)
    const response = sendBase64({ fields: { file_id: 'a"b' }, name: 'base64', content: streamOf(chunks) })
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toEqual({ file_id: 'a"b', base64: Buffer.concat(chunks).toString('base64') })
  }
})

test('without other fields it is the only one', async () => {
  expect(await sendBase64({ fields: {}, name: 'base64', content: streamOf([bytes(1)]) }).text()).toBe('{"base64":"Cw=="}')
})

test('content that breaks off is never taken for whole', async () => {
  const response = sendBase64({ fields: {}, name: 'base64', content: streamOf([bytes(3), new Error('lost')]) })
  await expect(response.text()).rejects.toThrow('lost')
})

test('whoever stops reading gives the content back', async () => {
  const seen: { cancelled?: unknown } = {}
  const response = sendBase64({ fields: {}, name: 'base64', content: streamOf([bytes(3), bytes(3)], seen) })
  const reader = response.body?.getReader()
  await reader?.read()
  await reader?.cancel('enough')
  expect(seen.cancelled).toBe('enough')
})
