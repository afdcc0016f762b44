/** Which object. Both are UUIDs: no name that a client chose ever reaches a path or a key. */
export interface ObjectKey {
  tenantId: string
  id: string
}

export interface StoredObject {
  bytes: number
  /** Lower-case hex. */
  sha256: string
  /** Lower-case hex, for clients that compare it. */
  md5: string
}

export interface SignedRequest {
  key: ObjectKey
  method: 'GET' | 'PUT'
  /** Milliseconds since the epoch. */
  expiresAt: number
  /** Media type: of the answer to a GET, of the body of a PUT. */
  type: string
  /** PUT: exactly this many bytes. */
  bytes?: number
  /** GET: the name the answer is to be saved under. */
  filename?: string
}

/**
 * The port over file stores. An object is written once, whole or not at all, and never changes.
 * Errors: Fault('not_found') where an object is not there; Fault('too_large') past `bytesMax` or when the disk would
 * fill; Fault('unavailable') when the store cannot be reached or refuses us; what `source` throws goes through. After
 * any error nothing is left of a `put`, and nothing of a `put` is visible before it resolved.
 */
export interface Files {
  readonly kind: 'local' | 's3'
  /** Streams: holds a bounded part of the source in memory. Replaces what a dead writer left under the key. */
  put(key: ObjectKey, source: AsyncIterable<Uint8Array>, limits: { bytesMax: number; signal?: AbortSignal }): Promise<StoredObject>
  /** The whole object, or `bytes` from `start`. Cancelling the stream gives everything back. */
  read(key: ObjectKey, range?: { start: number; bytes: number }): Promise<ReadableStream<Uint8Array>>
  size(key: ObjectKey): Promise<number>
  /** Also removes what an unfinished put left. An object that is not there is no error. */
  remove(key: ObjectKey): Promise<void>
  /**
   * A URL that serves this one request without a key. `signingKey` is the tenant's own (local adapter); `base` is where
   * this server is reached, e.g. `https://host/`. The local one is served by http/objects.ts.
   */
  sign(request: SignedRequest, server: { base: string; signingKey: string }): Promise<string>
  /** Throws a Fault('unavailable') that says what is wrong. */
  check(): Promise<void>
  close(): Promise<void>
}
