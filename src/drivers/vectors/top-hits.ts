import type { Hit } from './port.ts'

/** The best hits of a search; of equal ones those with the lower ids, so that the answer is always the same. */
export class TopHits {
  private readonly hits = new Map<string, Hit>()
  private worst: Hit | undefined

  constructor(private readonly limit: number) {}

  get full(): boolean {
    return this.hits.size >= this.limit
  }

  /** Score of the last one, once there are as many as may be. */
  get least(): number {
    return this.full && this.worst ? this.worst.score : Number.NEGATIVE_INFINITY
  }

  offer(hit: Hit): void {
    if (this.limit === 0 || this.hits.has(hit.id)) return
    if (this.full && this.worst) {
      if (isBetter(this.worst, hit)) return
      this.hits.delete(this.worst.id)
    }
    this.hits.set(hit.id, hit)
    if (this.full) this.worst = this.findWorst()
  }

  /** Best first. */
  sorted(): Hit[] {
    return [...this.hits.values()].sort((a, b) => (isBetter(a, b) ? -1 : 1))
  }

  private findWorst(): Hit | undefined {
    let worst: Hit | undefined
    for (const hit of this.hits.values()) if (!worst || isBetter(worst, hit)) worst = hit
    return worst
  }
}

const isBetter = (a: Hit, b: Hit): boolean => (a.score === b.score ? a.id < b.id : a.score > b.score)
