/** A reader of signals that rings when somebody should look; holds nothing else. */
export class Bell {
  /** What rings from here on was not seen yet: set it before a look. */
  rung = false
  private wake: (() => void) | undefined
  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', () => this.wake?.(), { once: true })
  }

  onSegment(): void {
    this.onWake()
  }

  onWake(): void {
    this.rung = true
    this.wake?.()
  }

  /** Until it rings, or the signal fires, or `ms` are over. */
  wait(ms: number): Promise<void> {
    if (this.signal.aborted || this.rung) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.onWake(), ms)
      this.wake = () => {
        clearTimeout(timer)
        this.wake = undefined
        resolve()
      }
    })
  }
}
