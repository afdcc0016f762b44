import { KERNEL } from './scan-kernel.gen.ts'
import { BLOCK_BYTES } from './scan-layout.ts'

const PAGE_BYTES = 64 * 1024
const ARENA_BLOCKS = 4096
const GROW_BLOCKS = 4

type Scan = (row: number, count: number, dimensions: number, query: number, scale: number, score: number) => void

const module = new WebAssembly.Module(Buffer.from(KERNEL, 'base64'))

/** One memory of the kernel: up to 1 GiB of blocks. The first is the kernel's desk: the query, and the scores of one block. */
export class Arena {
  private readonly memory = new WebAssembly.Memory({
    initial: BLOCK_BYTES / PAGE_BYTES,
    maximum: (ARENA_BLOCKS * BLOCK_BYTES) / PAGE_BYTES,
  })
  private readonly kernel = new WebAssembly.Instance(module, { scan: { memory: this.memory } }).exports.scan as Scan
  private readonly free: number[] = []
  private blocks = 1
  bytes = new Uint8Array(this.memory.buffer)
  int8 = new Int8Array(this.memory.buffer)
  int16 = new Int16Array(this.memory.buffer)
  int32 = new Int32Array(this.memory.buffer)
  float32 = new Float32Array(this.memory.buffer)

  /** Address of a block, or undefined when the arena is full. */
  take(): number | undefined {
    if (this.free.length === 0 && this.blocks < ARENA_BLOCKS) this.grow()
    return this.free.pop()
  }

  give(block: number): void {
    this.free.push(block)
  }

  /** The scaled query goes to the desk. */
  place(query: Int16Array): void {
    this.int16.set(query, 0)
  }

  /** Scores of `count` rows at `row`, which lie here until the next call. */
  scan(row: number, count: number, dimensions: number, scale: number): Float32Array {
    const scores = dimensions * 2
    this.kernel(row, count, dimensions, 0, scale, scores)
    return this.float32.subarray(scores / 4, scores / 4 + count)
  }

  private grow(): void {
    const more = Math.min(GROW_BLOCKS, ARENA_BLOCKS - this.blocks)
    this.memory.grow((more * BLOCK_BYTES) / PAGE_BYTES)
    for (let i = 0; i < more; i++) this.free.push(this.blocks++ * BLOCK_BYTES)
    // Growing detaches what was there before.
    const { buffer } = this.memory
    this.bytes = new Uint8Array(buffer)
    this.int8 = new Int8Array(buffer)
    this.int16 = new Int16Array(buffer)
    this.int32 = new Int32Array(buffer)
    this.float32 = new Float32Array(buffer)
  }
}

export interface Block {
  arena: Arena
  base: number
}

/** As many arenas as are needed; what is given back is taken again first. */
export class Arenas {
  readonly all: Arena[] = []

  take(): Block {
    for (const arena of this.all) {
      const base = arena.take()
      if (base !== undefined) return { arena, base }
    }
    this.all.push(new Arena())
    return this.take()
  }

  give({ arena, base }: Block): void {
    arena.give(base)
  }
}
