import { expect, test } from 'bun:test'
import { Readable } from 'node:stream'
import { readSecret } from '../../src/cli/secret-input.ts'

/** What comes out of a pipe, or of a terminal whose keys are pressed one after the other. */
function input(chunks: string[], isTTY: boolean): { stream: NodeJS.ReadStream; modes: boolean[] } {
  const modes: boolean[] = []
  const stream = Object.assign(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), {
    isTTY,
    setRawMode: (on: boolean) => modes.push(on),
  })
  return { stream: stream as unknown as NodeJS.ReadStream, modes }
}

async function read(chunks: string[], isTTY: boolean): Promise<{ line: string; shown: string; modes: boolean[] }> {
  const { stream, modes } = input(chunks, isTTY)
  let shown = ''
  const show = (text: string): void => {
    shown += text
  }
  const line = await readSecret(stream, { prompt: 'Password: ', show })
  return { line, shown, modes }
}

test('a pipe gives its first line, in however many pieces, and nothing is shown', async () => {
  expect(await read(['cor', 'rect\r', '\nsecond\n'], false)).toEqual({ line: 'correct', shown: '', modes: [] })
  expect((await read(['no end'], false)).line).toBe('no end')
  expect((await read([], false)).line).toBe('')
})

test('a person is asked, sees nothing of what is typed, and can correct it', async () => {
  const typed = await read([...'secrex', '\u007f', 't', '\r', 'more'], true)
  expect(typed).toEqual({ line: 'secret', shown: 'Password: \n', modes: [true, false] })
  expect((await read(['x', '\u0004'], true)).line).toBe('x')
})

test('a line without an end is not read for ever', async () => {
  expect(
    (
      await read(
        Array.from({ length: 100 }, () => 'x'.repeat(1000)),
        false,
      )
    ).line.length,
  ).toBeLessThan(5000)
})
