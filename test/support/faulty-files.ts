import type { Files } from '../../src/drivers/files/port.ts'
import type { Pause, Side } from './faulty-db.ts'

type Verb = 'put' | 'read' | 'remove' | 'size'

/** A real file store that tests can break or hold, before a call reaches it or after it took effect. */
export class FaultyFiles implements Files {
  readonly kind: Files['kind']
  private readonly faults: { verb: Verb; side: Side; act(): Promise<void> }[] = []

  constructor(private readonly inner: Files) {
    this.kind = inner.kind
  }

  failNext(verb: Verb, side: Side, error: Error): void {
    this.faults.push({ verb, side, act: () => Promise.reject(error) })
  }

  pauseNext(verb: Verb, side: Side): Pause {
    const reached = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    const act = () => {
      reached.resolve()
      return released.promise
    }
    this.faults.push({ verb, side, act })
    return { reached: reached.promise, release: released.resolve }
  }

  put: Files['put'] = (...args) => this.through('put', () => this.inner.put(...args))
  read: Files['read'] = (...args) => this.through('read', () => this.inner.read(...args))
  remove: Files['remove'] = (...args) => this.through('remove', () => this.inner.remove(...args))
  size: Files['size'] = (...args) => this.through('size', () => this.inner.size(...args))
  sign: Files['sign'] = (...args) => this.inner.sign(...args)
  check: Files['check'] = () => this.inner.check()
  close: Files['close'] = () => this.inner.close()

  private async through<T>(verb: Verb, send: () => Promise<T>): Promise<T> {
    await this.stand(verb, 'before')
    const result = await send()
    await this.stand(verb, 'after')
    return result
  }

  private async stand(verb: Verb, side: Side): Promise<void> {
    const index = this.faults.findIndex((fault) => fault.verb === verb && fault.side === side)
    await (index < 0 ? undefined : this.faults.splice(index, 1)[0])?.act()
  }
}
