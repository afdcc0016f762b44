import type { Caller } from '../core/caller.ts'
import { Fault } from '../core/fault.ts'
import { getFile, readContent } from '../core/files/files.ts'
import type { JsonObject } from '../core/json.ts'
import type { Needs } from '../core/needs.ts'
import type { ChatMessage } from '../drivers/models/port.ts'

/** One image, and all images of one prompt; base64 makes a third more of it. */
const IMAGE_BYTES_MAX = 20 * 2 ** 20
const PROMPT_BYTES_MAX = 50 * 2 ** 20

interface ImageFile {
  file_id: string
  detail?: string
}
const fileOf = (part: JsonObject): ImageFile | undefined =>
  part.type === 'image_file' ? (part.image_file as unknown as ImageFile) : undefined

/** Nearly no prompt has any: those that have none are not copied. */
export const hasImageFiles = (messages: readonly ChatMessage[]): boolean =>
  messages.some(({ content }) => Array.isArray(content) && content.some((part) => fileOf(part) !== undefined))

const isRiff = (bytes: Uint8Array): boolean => latin1(bytes, 0, 4) === 'RIFF' && latin1(bytes, 8, 12) === 'WEBP'
const latin1 = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to))

/** The media type by content: what a name or an uploader says of a file proves nothing. */
export function imageType(bytes: Uint8Array): string | undefined {
  if (latin1(bytes, 0, 8) === '\x89PNG\r\n\x1a\n') return 'image/png'
  if (latin1(bytes, 0, 3) === '\xff\xd8\xff') return 'image/jpeg'
  if (/^GIF8[79]a$/.test(latin1(bytes, 0, 6))) return 'image/gif'
  return isRiff(bytes) ? 'image/webp' : undefined
}

type Shown = { url: string; bytes: number } | { note: string }

/** Puts the content of image files into prompts: no provider can read a file that lies here. */
export class Images {
  private readonly known = new Map<string, Shown>()

  constructor(
    private readonly app: Needs<'db' | 'clock' | 'files' | 'log'>,
    private readonly caller: Caller,
    private readonly signal: AbortSignal,
  ) {}

  /** The prompt with data URLs, or with a note where a file cannot be shown. The newest images come first. */
  async show(messages: readonly ChatMessage[]): Promise<ChatMessage[]> {
    const out: ChatMessage[] = []
    let left = PROMPT_BYTES_MAX
    for (const message of messages.toReversed()) {
      if (!Array.isArray(message.content)) {
        out.push(message)
        continue
      }
      const content: JsonObject[] = []
      for (const part of message.content.toReversed()) {
        const file = fileOf(part)
        const shown = file && (await this.load(file.file_id, left))
        if (shown && 'url' in shown) left -= shown.bytes
        content.push(file && shown ? toPart(file, shown) : part)
      }
      out.push({ ...message, content: content.reverse() })
    }
    return out.reverse()
  }

  private async load(id: string, left: number): Promise<Shown> {
    const known = this.known.get(id) ?? (await this.read(id, left))
    if ('bytes' in known && known.bytes > left) return NO_ROOM
    // What did not fit now may fit into the next prompt.
    if (known !== NO_ROOM) this.known.set(id, known)
    return known
  }

  private async read(id: string, left: number): Promise<Shown> {
    try {
      const file = await getFile(this.app, this.caller, id)
      if (file.bytes > IMAGE_BYTES_MAX) return { note: `[An image of more than ${IMAGE_BYTES_MAX / 2 ** 20} MB was left out.]` }
      if (file.bytes > left) return NO_ROOM
      const content = await readContent(this.app, this.caller, { file })
      const bytes = await this.whole(content)
      const type = imageType(bytes)
      if (type === undefined) return { note: '[A file was given as an image, but it is no PNG, JPEG, GIF or WebP.]' }
      return { url: `data:${type};base64,${bytes.toString('base64')}`, bytes: bytes.length }
    } catch (cause) {
      this.signal.throwIfAborted()
      if (cause instanceof Fault && cause.code === 'not_found') return { note: '[An image was here; its file has been deleted.]' }
      this.app.log.warn('image.unreadable', { file: id, cause: String(cause) })
      return { note: '[An image was here; its file cannot be read at the moment.]' }
    }
  }

  private async whole(content: ReadableStream<Uint8Array>): Promise<Buffer> {
    const parts: Uint8Array[] = []
    for await (const part of content) {
      this.signal.throwIfAborted()
      parts.push(part)
    }
    return Buffer.concat(parts)
  }
}

const NO_ROOM: Shown = { note: '[An image was left out: the images of this conversation are too large together.]' }

const toPart = ({ detail }: ImageFile, shown: Shown): JsonObject =>
  'url' in shown
    ? { type: 'image_url', image_url: { url: shown.url, ...(detail === undefined ? {} : { detail }) } }
    : { type: 'text', text: shown.note }
