import type { Attributes, Filter } from '../../core/attributes.ts'
import { matches } from '../../core/attributes.ts'
import type { Arenas, Block } from './scan-arena.ts'
import type { Best } from './scan-best.ts'
import { coarseBytes, paddedDimensions, ROW_HEAD_BYTES, rowBytes, rowsPerBlock } from './scan-layout.ts'

export interface DocumentChange {
  id: string
  attributes: Attributes
  /** In another revision than before: the rows of the document's earlier life are not its own. */
  born: number
  removed: boolean
}

interface ScanDocument {
  no: number
  attributes: Attributes
  born: number
  rows: number
}

/** The compact rows of one store, without gaps: the last row moves to where one was removed. */
export class ScanSpace {
  rows = 0
  private readonly padded: number
  private readonly perBlock: number
  private readonly blocks: Block[] = []
  private readonly documents = new Map<string, ScanDocument>()
  private readonly numbers: (ScanDocument | undefined)[] = []
  private readonly freeNumbers: number[] = []

  constructor(
    private readonly arenas: Arenas,
    readonly dimensions: number,
  ) {
    this.padded = paddedDimensions(dimensions)
    this.perBlock = rowsPerBlock(dimensions)
  }

  get documentCount(): number {
    return this.documents.size
  }

  changeDocuments(changes: DocumentChange[]): void {
    const gone = new Set<number>()
    for (const { id, attributes, born, removed } of changes) {
      const known = this.documents.get(id)
      if (known && (removed || known.born !== born)) {
        gone.add(known.no)
        this.documents.delete(id)
      }
      if (removed) continue
      const kept = this.documents.get(id)
      if (kept) kept.attributes = attributes
      else this.addDocument(id, attributes, born)
    }
    if (gone.size === 0) return
    this.removeWhere((block, row) => gone.has(this.documentAt(block, row)))
    // Only now: a number that is used again must not be among those that go.
    for (const no of gone) this.numbers[no] = undefined
    this.freeNumbers.push(...gone)
  }

  /** Rows as they come from the database (see scan-layout.ts). `fresh`: no point of them can be here already. */
  addRows(bytes: Uint8Array, fresh: boolean): void {
    const size = rowBytes(this.dimensions)
    if (!fresh) this.dropReplaced(bytes, size)
    let last = { key: '', document: undefined as ScanDocument | undefined }
    for (let at = 0; at < bytes.length; at += size) {
      const key = hex(bytes, at + 16)
      if (key !== last.key) last = { key, document: this.documents.get(spell(key)) }
      // Its document changed again meanwhile: the next refresh brings both.
      if (last.document) this.addRow(bytes.subarray(at, at + size), last.document)
    }
  }

  /** Offers all rows, of documents that match. `query` is scaled by `scale`. */
  scan(query: Int16Array, scale: number, filter: Filter | null, best: Best): void {
    const allowed = filter === null ? null : this.allow(filter)
    if (allowed?.includes(1) === false) return
    for (const arena of new Set(this.blocks.map((block) => block.arena))) arena.place(query)
    for (const [index, block] of this.blocks.entries()) {
      const count = Math.min(this.perBlock, this.rows - index * this.perBlock)
      const scores = block.arena.scan(block.base, count, this.padded, this.scalesAt(block))
      const documents = this.documentsAt(block) / 4
      for (let row = 0; row < count; row++) {
        const score = (scores[row] as number) * scale
        if (score <= best.least) continue
        if (allowed !== null && allowed[block.arena.int32[documents + row] as number] !== 1) continue
        best.offer(score, block.arena.bytes, this.idsAt(block) + row * 16)
      }
    }
  }

  free(): void {
    for (const block of this.blocks.splice(0)) this.arenas.give(block)
    this.rows = 0
  }

  private addDocument(id: string, attributes: Attributes, born: number): void {
    const no = this.freeNumbers.pop() ?? this.numbers.length
    const document = { no, attributes, born, rows: 0 }
    this.numbers[no] = document
    this.documents.set(id, document)
  }

  private allow(filter: Filter): Uint8Array {
    const allowed = new Uint8Array(this.numbers.length)
    for (const { no, attributes } of this.documents.values()) if (matches(attributes, filter)) allowed[no] = 1
    return allowed
  }

  private addRow(bytes: Uint8Array, document: ScanDocument): void {
    const row = this.rows % this.perBlock
    if (row === 0) this.blocks.push(this.arenas.take())
    const block = this.blocks.at(-1) as Block
    const { arena, base } = block
    const coarse = bytes.subarray(ROW_HEAD_BYTES, ROW_HEAD_BYTES + coarseBytes(this.dimensions))
    const components = base + row * this.padded
    arena.bytes.set(coarse.subarray(4), components)
    arena.bytes.fill(0, components + this.dimensions, components + this.padded)
    arena.bytes.set(coarse.subarray(0, 4), this.scalesAt(block) + row * 4)
    arena.int32[this.documentsAt(block) / 4 + row] = document.no
    arena.bytes.set(bytes.subarray(0, 16), this.idsAt(block) + row * 16)
    document.rows++
    this.rows++
  }

  /** A point that was written again is here twice otherwise. */
  private dropReplaced(bytes: Uint8Array, size: number): void {
    const written = new Set<string>()
    const touched = new Set<number>()
    for (let at = 0; at < bytes.length; at += size) {
      const document = this.documents.get(spell(hex(bytes, at + 16)))
      if (!document || document.rows === 0) continue
      touched.add(document.no)
      written.add(hex(bytes, at))
    }
    if (touched.size === 0) return
    this.removeWhere(
      (block, row) => touched.has(this.documentAt(block, row)) && written.has(hex(block.arena.bytes, this.idsAt(block) + row * 16)),
    )
  }

  private removeWhere(isGone: (block: Block, row: number) => boolean): void {
    for (let at = 0; at < this.rows; ) {
      const block = this.blocks[Math.floor(at / this.perBlock)] as Block
      const row = at % this.perBlock
      if (isGone(block, row)) this.removeRow(block, row)
      else at++
    }
  }

  private removeRow(block: Block, row: number): void {
    const document = this.numbers[this.documentAt(block, row)]
    if (document) document.rows--
    const last = this.blocks.at(-1) as Block
    const lastRow = --this.rows % this.perBlock
    if (last !== block || lastRow !== row) this.moveRow({ block: last, row: lastRow }, { block, row })
    if (lastRow === 0) this.arenas.give(this.blocks.pop() as Block)
  }

  private moveRow(from: { block: Block; row: number }, to: { block: Block; row: number }): void {
    const move = (start: (block: Block) => number, size: number): void => {
      const source = start(from.block) + from.row * size
      to.block.arena.bytes.set(from.block.arena.bytes.subarray(source, source + size), start(to.block) + to.row * size)
    }
    move((block) => block.base, this.padded)
    move((block) => this.scalesAt(block), 4)
    move((block) => this.documentsAt(block), 4)
    move((block) => this.idsAt(block), 16)
  }

  private documentAt(block: Block, row: number): number {
    return block.arena.int32[this.documentsAt(block) / 4 + row] as number
  }

  private scalesAt({ base }: Block): number {
    return base + this.perBlock * this.padded
  }

  private documentsAt({ base }: Block): number {
    return base + this.perBlock * (this.padded + 4)
  }

  private idsAt({ base }: Block): number {
    return base + this.perBlock * (this.padded + 8)
  }
}

const hex = (bytes: Uint8Array, at: number): string => Buffer.from(bytes.buffer, bytes.byteOffset + at, 16).toString('hex')

const spell = (key: string): string => `${key.slice(0, 8)}-${key.slice(8, 12)}-${key.slice(12, 16)}-${key.slice(16, 20)}-${key.slice(20)}`
