import { type FileHandle, open } from 'node:fs/promises'
import type { Source } from '../documents/sink.ts'

const PIECE = 65_536

export interface FileSource extends Source {
  close(): Promise<void>
}

export async function openFileSource(path: string): Promise<FileSource> {
  const file = await open(path, 'r')
  const { size } = await file.stat()
  return {
    path,
    size,
    read: (start, length) => readAt(file, start, Math.max(0, Math.min(length, size - start))),
    async *stream() {
      for (let at = 0; at < size; at += PIECE) yield await readAt(file, at, Math.min(PIECE, size - at))
    },
    close: () => file.close(),
  }
}

async function readAt(file: FileHandle, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, start + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}
