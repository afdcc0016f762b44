/** Where the text of a document goes. */
export interface TextSink {
  write(text: string): void
  /** Waits until what was written is out of the way; to be awaited after each piece of input. */
  flush(): Promise<void>
}

/** What a document is read from. */
export interface Source {
  /** For packages that open the file themselves. */
  path: string
  size: number
  /** At most `length` bytes from `start`. */
  read(start: number, length: number): Promise<Uint8Array>
  stream(): AsyncIterable<Uint8Array>
}
