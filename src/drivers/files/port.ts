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

export interface PutLimits {
  bytesMax: number
  /** Ends the put with its reason, at once also where the source is silent. */
  signal?: AbortSignal
}

export interface Range {
  /** First byte, from 0. */
  start: number
  /** How many; fewer come where the object ends before. */
  bytes: number
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

export interface SigningServer {
  /** Where this server is reached, e.g. `https://host/`. */
  base: string
  /** The tenant's own. */
  signingKey: string
}

/**
 * The port over file stores. An object is written once, whole or not at all, and never changes.
 * Errors: Fault('not_found') where an object is not there; Fault('too_large') past `bytesMax` or when the disk would
 * fill; Fault('wrong_state') while another put of the same key is under way; Fault('unavailable') when the store cannot
 * be reached or refuses us; what `source` throws goes through. After any error nothing is left of a `put`, and nothing
 * of a `put` is visible before it resolved. A stream fails with the same faults.
 */
export interface Files {
  readonly kind: 'local' | 's3'
  /** Streams: holds a bounded part of the source in memory. Replaces what a dead writer left under the key. */
  put(key: ObjectKey, source: AsyncIterable<Uint8Array>, limits: PutLimits): Promise<StoredObject>
  /** The whole object, or a range of it. Reading to the end or cancelling the stream gives everything back. */
  read(key: ObjectKey, range?: Range): Promise<ReadableStream<Uint8Array>>
  size(key: ObjectKey): Promise<number>
  /**
   * Also removes what an unfinished put left, and stops one that is under way. An object that is not there is no error.
   * Once it resolved the object does not come back, whatever crashes; only what a writer of the `s3` adapter had sent
   * already can still arrive a moment later.
   */
  remove(key: ObjectKey): Promise<void>
  /**
   * A URL that serves this one request without a key. The local adapter signs with the tenant's key for http/objects.ts,
   * which serves it, and takes a PUT once. The s3 adapter signs with its own secret for the store, which serves it and
   * takes a PUT again until it expires; a week is the longest it can promise.
   * A PUT has to send `type` as its Content-Type and `bytes` as its Content-Length.
   */
  sign(request: SignedRequest, server: SigningServer): Promise<string>
  /** Throws a Fault('unavailable') that says what is wrong. */
  check(): Promise<void>
  close(): Promise<void>
}
