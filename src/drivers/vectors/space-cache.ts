import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import type { Db } from '../records/port.ts'
import { readDocuments, readPoints, readRanges } from './embedded-store.ts'
import { batchRows } from './requirements.ts'
import type { SpaceSize } from './scan-index.ts'
import { rowBytes, spaceBytes } from './scan-layout.ts'
import type { Scanner } from './scanner.ts'
import type { Space } from './space-store.ts'

/** A copy of a store in the scanner. While it is pinned it stays. */
export interface CachedSpace {
  readonly no: number
  readonly storeId: string
  readonly dimensions: number
  /** All changes up to here are in it; 0: it is being loaded. */
  revision: number
  bytes: number
  size: SpaceSize
  pins: number
  usedAt: number
  /** False once another copy took its place, or the scanner was lost. */
  current: boolean
  lost: boolean
  refreshing: Promise<boolean> | undefined
}

const DOCUMENTS_AT_ONCE = 1000

/**
 * Which stores the scanner holds. A store is loaded when it is first searched, refreshed by what changed since, and
 * given up when others need its place, the least recently used first.
 */
export class SpaceCache {
  private readonly held = new Set<CachedSpace>()
  private readonly byStore = new Map<string, CachedSpace>()
  private count = 0

  constructor(
    private readonly parts: { db: Db; log: Log; scanner: Scanner },
    private readonly bytesMax: number,
  ) {}

  /** A pinned copy with all changes up to the space's revision, or undefined when there is no room for it. */
  async acquire(space: Space): Promise<CachedSpace | undefined> {
    const copy = this.find(space)
    copy.pins++
    copy.usedAt = ++this.count
    try {
      while (copy.revision < space.revision) {
        copy.refreshing ??= this.refresh(copy, space).finally(() => {
          copy.refreshing = undefined
        })
        if (await copy.refreshing) continue
        this.forget(copy)
        this.release(copy)
        return undefined
      }
      return copy
    } catch (error) {
      // A first load that broke off may not be taken up again: it relies on finding nothing there.
      if (copy.revision === 0) this.forget(copy)
      this.release(copy)
      throw error
    }
  }

  release(copy: CachedSpace): void {
    copy.pins--
    if (!copy.current && copy.pins === 0) this.drop(copy)
  }

  /** For stores that are gone. */
  forgetStore(storeId: string): void {
    const copy = this.byStore.get(storeId)
    if (copy) this.forget(copy)
  }

  /** The scanner lost all of them. */
  clear(): void {
    for (const copy of this.held) copy.lost = true
    for (const copy of this.held) copy.current = false
    this.held.clear()
    this.byStore.clear()
  }

  /** What the copies take, as counted. */
  get bytes(): number {
    let sum = 0
    for (const copy of this.held) sum += copy.bytes
    return sum
  }

  get stores(): string[] {
    return [...this.byStore.keys()]
  }

  private find(space: Space): CachedSpace {
    const known = this.byStore.get(space.storeId)
    // One that is being loaded reads what is there now.
    if (known && (known.revision >= space.floor || known.revision === 0)) return known
    if (known) this.forget(known)
    const copy: CachedSpace = {
      ...{ no: ++this.count, storeId: space.storeId, dimensions: space.dimensions, revision: 0, bytes: 0 },
      ...{ size: { rows: 0, documents: 0 }, pins: 0, usedAt: 0, current: true, lost: false, refreshing: undefined },
    }
    this.held.add(copy)
    this.byStore.set(space.storeId, copy)
    return copy
  }

  private forget(copy: CachedSpace): void {
    if (this.byStore.get(copy.storeId) === copy) this.byStore.delete(copy.storeId)
    copy.current = false
    if (copy.pins === 0) this.drop(copy)
  }

  private drop(copy: CachedSpace): void {
    if (!this.held.delete(copy)) return
    // A scanner that fails here is looked after by the next call.
    this.parts.scanner.ask({ op: 'drop', space: copy.no }).catch(() => undefined)
  }

  /** False when there is no room. */
  private async refresh(copy: CachedSpace, space: Space): Promise<boolean> {
    const startedAt = performance.now()
    const fresh = copy.revision === 0
    const ranges = await this.rowRanges(copy, space, copy.revision)
    if (fresh) {
      const rows = ranges.reduce((sum, range) => sum + range.count, 0)
      if (spaceBytes(copy.dimensions, rows, 0) > this.bytesMax) {
        this.parts.log.warn('vectors.store_too_large', { store: copy.storeId, rows, cacheBytesMax: this.bytesMax })
        return false
      }
    }
    if (!(await this.refreshDocuments(copy, space)) || !(await this.refreshRows(copy, space, ranges))) return false
    copy.revision = space.revision
    const ms = Math.round(performance.now() - startedAt)
    if (fresh) this.parts.log.debug('vectors.loaded', { store: copy.storeId, ...copy.size, ms })
    return true
  }

  private rowRanges(copy: CachedSpace, space: Space, after: number) {
    return readRanges(this.parts.db, space, { table: 'vector_point', after, rows: batchRows(rowBytes(copy.dimensions)) })
  }

  private async refreshDocuments(copy: CachedSpace, space: Space): Promise<boolean> {
    const { db, scanner } = this.parts
    for (let after = copy.revision; ; ) {
      const ranges = await readRanges(db, space, { table: 'vector_document', after, rows: DOCUMENTS_AT_ONCE })
      for (const range of ranges) {
        const { rows, documents } = copy.size
        if (!this.reserve(copy, spaceBytes(copy.dimensions, rows, documents + range.count))) return false
        const changes = await readDocuments(db, space, range)
        this.requireScanner(copy)
        this.note(copy, await scanner.ask({ op: 'documents', space: copy.no, dimensions: copy.dimensions, changes }))
      }
      const last = ranges.at(-1)
      // A document that changed while this read is behind the last range, and its rows need it.
      if (!last) return true
      after = last.until
    }
  }

  /** Also what came after the space's revision: a point that was written again meanwhile would be missed otherwise. */
  private async refreshRows(copy: CachedSpace, space: Space, first: Awaited<ReturnType<typeof readRanges>>): Promise<boolean> {
    const fresh = copy.revision === 0
    for (let ranges = first; ranges.length > 0; ) {
      for (const range of ranges) {
        const { rows, documents } = copy.size
        if (!this.reserve(copy, spaceBytes(copy.dimensions, rows + range.count, documents))) return false
        const bytes = owned((await readPoints(this.parts.db, space, range)).bytes)
        const again = !fresh || range.until > space.revision
        this.requireScanner(copy)
        this.note(copy, await this.parts.scanner.ask({ op: 'rows', space: copy.no, bytes, fresh: !again }, [bytes.buffer]))
      }
      ranges = await this.rowRanges(copy, space, ranges.at(-1)?.until ?? space.revision)
    }
    return true
  }

  private note(copy: CachedSpace, size: SpaceSize): void {
    copy.size = size
    copy.bytes = spaceBytes(copy.dimensions, size.rows, size.documents)
  }

  /** Makes room for a copy that grows, at the cost of those not in use. */
  private reserve(copy: CachedSpace, bytes: number): boolean {
    for (let over = this.bytes - copy.bytes + bytes - this.bytesMax; over > 0; ) {
      const victim = this.leastRecentlyUsed(copy)
      if (!victim) return false
      over -= victim.bytes
      this.forget(victim)
    }
    copy.bytes = bytes
    return true
  }

  private leastRecentlyUsed(except: CachedSpace): CachedSpace | undefined {
    let least: CachedSpace | undefined
    for (const copy of this.held) {
      if (copy !== except && copy.pins === 0 && (!least || copy.usedAt < least.usedAt)) least = copy
    }
    return least
  }

  private requireScanner(copy: CachedSpace): void {
    if (copy.lost) throw new Fault('unavailable', 'The vector search was interrupted.')
  }
}

/** Bytes with a buffer of their own, which can be handed over. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) return new Uint8Array(buffer)
  return new Uint8Array(bytes)
}
