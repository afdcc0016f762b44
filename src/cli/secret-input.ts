const CHARS_MAX = 4096
const INTERRUPTED = 130

type Input = NodeJS.ReadStream

interface Asking {
  prompt: string
  show(text: string): void
}

/** One line that is shown nowhere. Empty at the end of the input. */
export async function readSecret(input: Input, { prompt, show }: Asking): Promise<string> {
  if (!input.isTTY) return lineOf(input)
  show(prompt)
  input.setRawMode(true)
  try {
    return await lineOf(input)
  } finally {
    input.setRawMode(false)
    show('\n')
  }
}

/** A terminal in raw mode hands over keys: what they do to a line is done here. */
async function lineOf(input: Input): Promise<string> {
  const decoder = new TextDecoder()
  let line = ''
  for await (const chunk of input as AsyncIterable<Uint8Array>) {
    for (const char of decoder.decode(chunk, { stream: true })) {
      if (char === '\n' || char === '\r' || char === '\u0004') return line
      if (char === '\u0003' && input.isTTY) interrupt(input)
      line = input.isTTY && (char === '\u007f' || char === '\b') ? line.slice(0, -1) : line + char
      if (line.length > CHARS_MAX) return line
    }
  }
  return line
}

function interrupt(input: Input): never {
  input.setRawMode(false)
  process.exit(INTERRUPTED)
}
