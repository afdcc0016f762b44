/** The frames of an event stream as they arrive, those of one piece of the body together; for texts with plain line ends. */
export async function* framesOf(response: Response): AsyncGenerator<string[]> {
  if (!response.ok || !response.body) throw new Error(`${response.status}: ${(await response.text()).slice(0, 300)}`)
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of response.body) {
    const frames = (rest + decoder.decode(bytes, { stream: true })).split('\n\n')
    rest = frames.pop() ?? ''
    if (frames.length > 0) yield frames
  }
}

/** The text after `data: `, which every frame of ours has on its last line. */
export const dataOf = (frame: string): string => frame.slice(frame.indexOf('data: ') + 'data: '.length)
