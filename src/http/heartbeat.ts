/** The source's items, and `beat` whenever it has said nothing for so long. The source must listen to the signal of whoever reads. */
export async function* withBeats(
  source: AsyncIterable<string>,
  { everyMs, beat }: { everyMs: number; beat: string },
): AsyncGenerator<string> {
  const items = source[Symbol.asyncIterator]()
  try {
    for (let next = items.next(); ; ) {
      const item = await within(next, everyMs)
      if (item === undefined) {
        yield beat
        continue
      }
      if (item.done) return
      yield item.value
      next = items.next()
    }
  } finally {
    await items.return?.()
  }
}

/** Undefined when the time is over first. */
function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms)
    promise.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
