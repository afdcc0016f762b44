/** What a statement may take: everything else must be turned into one of these first (arrays and objects as JSON text). */
export type Param = string | number | boolean | null

/**
 * A write that many callers share: while one execution is in flight, later items queue and go together in the next.
 * `run` answers one result per item, in order.
 */
export interface Statement<T, R> {
  name: string
  /** How many executions may be in flight at once. */
  lanes: number
  itemsMax: number
  run(db: Db, items: T[]): Promise<R[]>
}

/** One Postgres, whichever adapter started it. */
export interface Db {
  /** For API reads with real filters: the planner is free. */
  query<R>(text: string, params?: readonly Param[]): Promise<R[]>
  /** For key look-ups and commits of the engine: generic plans, index scans only (see README of the folder). */
  hot<R>(text: string, params?: readonly Param[]): Promise<R[]>
  /** Inside `transaction` the statement runs at once with this one item. */
  batch<T, R>(statement: Statement<T, R>, item: T): Promise<R>
  /** `work` gets a Db bound to one connection. Thrown errors roll back. Never wait on a model, file or socket inside. */
  transaction<R>(work: (db: Db) => Promise<R>): Promise<R>
  notify(channel: string, payload: string): Promise<void>
  /** `onGap` is called whenever notifications may have been lost: read the tables again. Returns the unsubscriber. */
  listen(channel: string, onPayload: (payload: string) => void, onGap: () => void): Promise<() => Promise<void>>
}

export interface Records {
  db: Db
  /** False when no other process can share this Postgres's runs (embedded, exclusively locked). */
  shared: boolean
  /** A postgres.js connection description for a second process on the same machine, or null. Never logged. */
  serverVersion: number
  /** Throws a Fault('unavailable') that says what is wrong. */
  check(): Promise<void>
  close(): Promise<void>
}
