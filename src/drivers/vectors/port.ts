import type { Attributes, Filter } from '../../core/attributes.ts'

/** A document is one ingestion of a file into a store; all ids are UUIDs. */
export interface DocumentKey {
  tenantId: string
  storeId: string
  documentId: string
}

export interface Point {
  /** The chunk's id. */
  id: string
  /** Any length but zero; compared by cosine. */
  vector: Float32Array
}

export interface Upsert extends DocumentKey {
  fileId: string
  attributes: Attributes
  points: Point[]
}

export interface VectorSearch {
  tenantId: string
  /** Stores of one tenant whose vectors have the length of `vector`. */
  storeIds: string[]
  vector: Float32Array
  limit: number
  filter: Filter | null
}

export interface Hit {
  id: string
  storeId: string
  documentId: string
  /** Cosine similarity, -1 to 1. */
  score: number
}

/**
 * The port over vector stores. What a call wrote is found by every search that begins after it resolved, in any process.
 * A search never sees another tenant's or another store's points, whatever ids are asked for.
 * Errors: Fault('unavailable') after bounded retries; Fault('invalid') for a vector of another length than the store's.
 */
export interface Vectors {
  readonly kind: 'embedded' | 'qdrant' | 'pgvector'
  /** Any number of points; repeating it changes nothing. */
  upsert(document: Upsert): Promise<void>
  setAttributes(key: DocumentKey, attributes: Attributes): Promise<void>
  /** What is not there is no error, here and below. */
  removeDocument(key: DocumentKey): Promise<void>
  removeStore(key: { tenantId: string; storeId: string }): Promise<void>
  /** Best first. */
  search(search: VectorSearch): Promise<Hit[]>
  /** Ids of a document's points, for checks: at most `limit`. */
  pointIds(key: DocumentKey, limit: number): Promise<string[]>
  check(): Promise<void>
  close(): Promise<void>
}
