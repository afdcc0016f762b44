/** How a document is cut: a chunk has at most `tokensMax` tokens and repeats `overlapTokens` of the one before. */
export interface Chunking {
  tokensMax: number
  overlapTokens: number
}

export interface ExtractionRequest {
  /** The file's bytes; read once, never kept in memory as a whole by the server. */
  content: ReadableStream<Uint8Array>
  /** Only a hint for text formats that content cannot tell apart (`.ts`, `.md`, `.csv`); never a path. */
  filename: string
  mediaType: string
  chunking: Chunking
  signal?: AbortSignal
}

export interface ExtractedChunk {
  text: string
  /** cl100k tokens of `text`. */
  tokens: number
}

/** `unsupported_file`: no text can be got from this kind. `invalid_file`: broken, encrypted, too large inside, or without text. */
export type ExtractionProblem = 'unsupported_file' | 'invalid_file'

export type Extracted =
  | {
      ok: true
      /** What the content turned out to be: `pdf`, `docx`, `pptx`, `xlsx`, `html`, `csv`, `json`, `text`, `code`... */
      type: string
      chunks: ExtractedChunk[]
    }
  | { ok: false; problem: ExtractionProblem /** For the client. */; message: string }

/**
 * Text out of documents, in a process of its own under caps of time and memory: whatever a file does, it ends as a
 * problem of that file. Never rejects for what is in a file; rejects with an AbortError, or Fault('unavailable') where
 * no process can be had.
 */
export interface Extraction {
  extract(request: ExtractionRequest): Promise<Extracted>
  close(): Promise<void>
}
