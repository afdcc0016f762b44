/** What a statement may take: everything else must be turned into one of these first (arrays and objects as JSON text). */
export type Param = string | number | boolean | null

/**
 * A write that many callers share: while one execution is in flight, later items queue and go together in the next.
 * `run` answers one result per item, in order. When it fails, it is run again with parts of the items, down to one.
 */
export interface Statement<T, R> {
  name: string
  /** How many executions may be in flight at once. */
  lanes: number
  itemsMax: number
  run(db: Db, items: T[]): Promise<R[]>
}

/**
 * One Postgres, whichever adapter started it.
 *
 * Rows hold plain values. Out: `int2/4/8` and `float` number (int8 within the safe range only), `numeric` string, `uuid`
 * string, `timestamptz` number of milliseconds since the epoch, `timestamp` and `date` string, `json/jsonb` the parsed
 * value, `bytea` bytes, `bool` boolean, arrays an array of those. In: a number given for a `timestamptz` is milliseconds;
 * a string given for `json/jsonb` is JSON text, for `bytea` the form `\x00ff`, for an array the form `{a,b}`. An untyped
 * boolean parameter is sent as `bool`.
 *
 * When the server cannot be reached, every method throws Fault('unavailable'): a write may then have taken effect. What
 * Postgres says about a statement is thrown unchanged: read its code with `sqlState` of `errors.ts`.
 */
export interface Db {
  /** True inside of `transaction`: locks of statements stay until its end, or until a savepoint is rolled back. */
  readonly inTransaction?: boolean
  /** For API reads with real filters: the planner is free. */
  query<R>(text: string, params?: readonly Param[]): Promise<R[]>
  /** For key look-ups and commits of the engine: generic plans, index scans only (see README of the folder). */
  hot<R>(text: string, params?: readonly Param[]): Promise<R[]>
  /** Inside `transaction` the statement runs at once with this one item. */
  batch<T, R>(statement: Statement<T, R>, item: T): Promise<R>
  /**
   * `work` gets a Db bound to one connection, with the plan settings of `hot`. Thrown errors roll back; a transaction in
   * a transaction is a savepoint. Never wait on a model, file or socket inside.
   */
  transaction<R>(work: (db: Db) => Promise<R>): Promise<R>
  /** Inside a transaction it is sent with the commit. */
  notify(channel: string, payload: string): Promise<void>
  /** `onGap` is called whenever notifications may have been lost: read the tables again. Returns the unsubscriber. */
  listen(channel: string, onPayload: (payload: string) => void, onGap: () => void): Promise<() => Promise<void>>
}

export interface Records {
  db: Db
  /** False when no other process can share this Postgres's runs (embedded, exclusively locked). */
  shared: boolean
  /** As `server_version_num`: 180004 is 18.4. */
  serverVersion: number
  /** Throws a Fault('unavailable') that says what is wrong. */
  check(): Promise<void>
  close(): Promise<void>
}
