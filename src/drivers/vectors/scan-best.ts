/** The best rows of a scan: a heap with the least of them on top. */
export class Best {
  /** A score must be above this to be among the best. */
  least = Number.NEGATIVE_INFINITY
  private count = 0
  private readonly scores: Float32Array
  private readonly ids: Uint8Array

  constructor(private readonly max: number) {
    this.scores = new Float32Array(max)
    this.ids = new Uint8Array(max * 16)
  }

  /** The id is the 16 bytes at `at`. */
  offer(score: number, bytes: Uint8Array, at: number): void {
    if (score <= this.least) return
    if (this.count < this.max) {
      this.put(this.count, score, bytes.subarray(at, at + 16))
      this.rise(this.count++)
    } else {
      this.put(0, score, bytes.subarray(at, at + 16))
      this.sink(0)
    }
    if (this.count === this.max) this.least = this.scores[0] as number
  }

  /** Best first. */
  sorted(): { ids: Uint8Array; scores: Float32Array } {
    const order = Array.from({ length: this.count }, (_, i) => i).sort((a, b) => (this.scores[b] as number) - (this.scores[a] as number))
    const ids = new Uint8Array(this.count * 16)
    const scores = new Float32Array(this.count)
    for (const [to, from] of order.entries()) {
      ids.set(this.ids.subarray(from * 16, from * 16 + 16), to * 16)
      scores[to] = this.scores[from] as number
    }
    return { ids, scores }
  }

  private put(at: number, score: number, id: Uint8Array): void {
    this.scores[at] = score
    this.ids.set(id, at * 16)
  }

  private rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1
      if ((this.scores[parent] as number) <= (this.scores[at] as number)) return
      this.swap(at, parent)
      at = parent
    }
  }

  private sink(from: number): void {
    for (let at = from; ; ) {
      const left = at * 2 + 1
      if (left >= this.count) return
      const right = left + 1
      const least = right < this.count && (this.scores[right] as number) < (this.scores[left] as number) ? right : left
      if ((this.scores[at] as number) <= (this.scores[least] as number)) return
      this.swap(at, least)
      at = least
    }
  }

  private swap(a: number, b: number): void {
    const score = this.scores[a] as number
    const id = this.ids.slice(a * 16, a * 16 + 16)
    this.put(a, this.scores[b] as number, this.ids.subarray(b * 16, b * 16 + 16))
    this.put(b, score, id)
  }
}
