import { Parser } from 'htmlparser2'
import { invalid } from './refusal.ts'
import type { TextSink } from './sink.ts'

export type Attributes = Readonly<Record<string, string>>

/** Names come without their prefix: `w:p` as `p`. */
export interface MarkupReader {
  open?(name: string, attributes: Attributes): void
  close?(name: string): void
  text?(text: string): void
}

const DEPTH_MAX = 256

const localName = (name: string): string => name.slice(name.indexOf(':') + 1)

/** The attribute of this name under any prefix, or under none. */
export function attribute(attributes: Attributes, name: string): string | undefined {
  const plain = attributes[name]
  return plain ?? prefixed(attributes, name)
}

/** The attribute of this name under some prefix: `r:id` beside `id`. */
export function prefixed(attributes: Attributes, name: string): string | undefined {
  for (const key of Object.keys(attributes)) if (key.endsWith(`:${name}`)) return attributes[key]
  return undefined
}

/** Reads XML as it streams by. No declared entity is ever expanded: Office files may not declare any. */
export async function readMarkup(content: AsyncIterable<Uint8Array>, reader: MarkupReader, sink: Pick<TextSink, 'flush'>): Promise<void> {
  let depth = 0
  let elements = 0
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        elements++
        if (++depth > DEPTH_MAX) throw invalid('The file is broken: its XML is nested too deeply.')
        reader.open?.(localName(name), attributes)
      },
      onclosetag(name) {
        depth--
        reader.close?.(localName(name))
      },
      ontext: (text) => reader.text?.(text),
      onprocessinginstruction(name) {
        if (name.toLowerCase() === '!doctype')
          throw invalid('The file is broken: its XML declares a document type, which Office files never do.')
      },
    },
    { xmlMode: true, decodeEntities: true },
  )
  let decoder: TextDecoder | undefined
  for await (const bytes of content) {
    decoder ??= new TextDecoder(encodingOf(bytes))
    parser.write(decoder.decode(bytes, { stream: true }))
    await sink.flush()
  }
  parser.write(decoder?.decode() ?? '')
  if (depth !== 0 || elements === 0) throw invalid('The file is broken: its XML ends in the middle.')
  parser.end()
}

function encodingOf([first, second]: Uint8Array): Bun.Encoding {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
}
