/** A JSON object whose last field is content in base64. */
export interface Base64Answer {
  /** The fields before it. */
  fields: Record<string, string>
  /** Name of the field that holds the content. */
  name: string
  content: ReadableStream<Uint8Array>
}

/**
 * The object as it is made, from chunk to chunk: content of any size is never here as a whole. An answer that cannot be
 * completed breaks off.
 */
export function sendBase64({ fields, name, content }: Base64Answer): Response {
  const before = JSON.stringify({ ...fields, [name]: '' }).slice(0, -2)
  const text = encoded(content, { before, after: '"}' })
  return new Response(text, { headers: { 'content-type': 'application/json' } })
}

function encoded(content: ReadableStream<Uint8Array>, { before, after }: { before: string; after: string }): ReadableStream<Uint8Array> {
  const reader = content.getReader()
  let rest = Buffer.alloc(0)
  let started = false
  return new ReadableStream(
    {
      async pull(controller) {
        if (!started) {
          started = true
          return controller.enqueue(Buffer.from(before))
        }
        for (;;) {
          const { done, value } = await reader.read()
          if (done) {
            controller.enqueue(Buffer.from(rest.toString('base64') + after, 'latin1'))
            return controller.close()
          }
          const bytes = rest.length === 0 ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.concat([rest, value])
          // Only three bytes make whole digits; what is left over waits for the next chunk.
          const whole = bytes.length - (bytes.length % 3)
          rest = Buffer.from(bytes.subarray(whole))
          if (whole > 0) return controller.enqueue(Buffer.from(bytes.toString('base64', 0, whole), 'latin1'))
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
