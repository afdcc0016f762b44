/** One frame of an event stream. Data is parsed JSON, or the bare text where it is none. */
export interface SeenEvent {
  id: string | undefined
  event: string
  data: unknown
}

/** Reads an event stream as it comes, strictly: a block that is neither a frame nor a comment is an error. */
export class EventReader {
  /** Comments so far: what keeps a quiet stream alive. */
  comments = 0
  private readonly bytes: Pick<ReadableStreamDefaultReader<Uint8Array>, 'read' | 'cancel'>
  private readonly decoder = new TextDecoder()
  private text = ''
  private readonly ready: SeenEvent[] = []

  constructor(response: Response) {
    const type = response.headers.get('content-type')
    if (!type?.startsWith('text/event-stream') || !response.body) throw new Error(`${response.status} ${type} is not an event stream`)
    this.bytes = response.body.getReader()
  }

  /** The next frame, or undefined after the last one. */
  async next(): Promise<SeenEvent | undefined> {
    while (this.ready.length === 0) if (!(await this.read())) return undefined
    return this.ready.shift()
  }

  /** The frames up to the first one of this name, that one included. */
  async until(event: string): Promise<SeenEvent[]> {
    const seen: SeenEvent[] = []
    for (;;) {
      const frame = await this.next()
      if (frame === undefined) throw new Error(`The stream ended without ${event}: ${seen.map((s) => s.event).join(', ')}`)
      seen.push(frame)
      if (frame.event === event) return seen
    }
  }

  async rest(): Promise<SeenEvent[]> {
    const seen: SeenEvent[] = []
    for (let frame = await this.next(); frame !== undefined; frame = await this.next()) seen.push(frame)
    return seen
  }

  /** Waits until so many comments came. */
  async untilComments(count: number): Promise<void> {
    while (this.comments < count) if (!(await this.read())) throw new Error(`The stream ended after ${this.comments} comments`)
  }

  async leave(): Promise<void> {
    await this.bytes.cancel()
  }

  /** False when there is no more. */
  private async read(): Promise<boolean> {
    const { done, value } = await this.bytes.read()
    if (done) {
      if (this.text !== '') throw new Error(`The stream ends inside a frame: ${this.text}`)
      return false
    }
    this.text += this.decoder.decode(value, { stream: true })
    const blocks = this.text.split('\n\n')
    this.text = blocks.pop() ?? ''
    for (const block of blocks) {
      if (block.startsWith(':')) this.comments++
      else this.ready.push(parse(block))
    }
    return true
  }
}

function parse(block: string): SeenEvent {
  const match = /^(?:id: (.+)\n)?event: (.+)\ndata: ([^\n]*)$/.exec(block)
  if (!match) throw new Error(`Not a frame: ${block}`)
  const [, id, event = '', data = ''] = match
  return { id, event, data: event === 'done' ? data : JSON.parse(data) }
}

export const readEvents = (response: Response): Promise<SeenEvent[]> => new EventReader(response).rest()
