import type { Log } from '../../core/needs.ts'

type Emitter = Pick<NodeJS.Process, 'on' | 'off'>

/** Out of reach of every handler. */
const rethrow = (cause: unknown): void =>
  queueMicrotask(() => {
    throw cause
  })

/**
 * Errors of graphs that nobody waits for: a promise that was forgotten, a timer that throws. By default they end the
 * process, and with it the runs of everybody else. Errors without a place in the project still do.
 */
export class StrayErrors {
  private dir: string | undefined

  constructor(
    private readonly log: Log,
    private readonly emitter: Emitter = process,
    private readonly crash = rethrow,
  ) {}

  catch(dir: string): void {
    this.dir = dir
    this.emitter.on('unhandledRejection', this.rejected).on('uncaughtException', this.thrown)
  }

  close(): void {
    this.emitter.off('unhandledRejection', this.rejected).off('uncaughtException', this.thrown)
  }

  /** A promise leaves nothing half done behind it, and where it came from can seldom be told. */
  private readonly rejected = (cause: unknown): void => this.log.error('graphs.unhandled_rejection', { cause })

  private readonly thrown = (cause: unknown): void => {
    const theirs = this.dir !== undefined && cause instanceof Error && (cause.stack ?? '').includes(`${this.dir}/`)
    if (theirs) {
      this.log.error('graphs.uncaught_error', { cause })
      return
    }
    this.close()
    this.crash(cause)
  }
}
