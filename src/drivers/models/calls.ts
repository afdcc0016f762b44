import type { GeneratedCall, GenerateSink } from './port.ts'

/** A piece of a tool call as providers send it: often without index, sometimes whole, sometimes with everything repeated. */
export interface CallDelta {
  index?: number | null
  id?: string | null
  function?: { name?: string | null; arguments?: unknown } | null
}

interface OpenCall {
  position: number
  id: string
  name: string
  arguments: string
  announced: boolean
}

/** Puts the calls of one turn together and reports them in order of appearance, whatever indexes the provider used. */
export class CallAssembly {
  readonly #calls: OpenCall[] = []
  readonly #byIndex = new Map<number, OpenCall>()

  constructor(readonly sink: GenerateSink) {}

  get any(): boolean {
    return this.#calls.length > 0
  }

  take(delta: CallDelta): void {
    const name = delta.function?.name || ''
    const part = argumentText(delta.function?.arguments)
    const call = this.#find(delta, name)
    const repeated = part !== '' && part === call.arguments && (name !== '' || Boolean(delta.id)) && isWhole(part)
    if (!call.announced) this.#name(call, delta.id || '', name)
    if (part === '' || repeated) return
    call.arguments += part
    if (call.announced) this.sink.argumentsPart(call.position, part)
  }

  /** Calls that never got a name are reported now, so that nothing generated is lost silently. */
  finish(): GeneratedCall[] {
    for (const call of this.#calls) if (!call.announced) this.#announce(call)
    return this.#calls.map(({ id, name, arguments: text }) => ({ id, name, arguments: text }))
  }

  #find(delta: CallDelta, name: string): OpenCall {
    const id = delta.id || ''
    if (typeof delta.index !== 'number') return this.#findByIdOrOrder(id, name) ?? this.#open()
    const known = this.#byIndex.get(delta.index)
    if (known && !beginsAnother(known, id, name)) return known
    const call = this.#open()
    this.#byIndex.set(delta.index, call)
    return call
  }

  #findByIdOrOrder(id: string, name: string): OpenCall | undefined {
    const last = this.#calls.at(-1)
    if (id !== '') return this.#calls.find((call) => call.id === id) ?? (name === '' ? last : undefined)
    if (name === '' || last === undefined) return last
    return beginsAnother(last, id, name) || isWhole(last.arguments) ? undefined : last
  }

  #open(): OpenCall {
    const call: OpenCall = { position: this.#calls.length, id: '', name: '', arguments: '', announced: false }
    this.#calls.push(call)
    return call
  }

  #name(call: OpenCall, id: string, name: string): void {
    call.id ||= id
    call.name = name
    if (name !== '') this.#announce(call)
  }

  #announce(call: OpenCall): void {
    call.announced = true
    this.sink.call(call.position, call.id, call.name)
    if (call.arguments !== '') this.sink.argumentsPart(call.position, call.arguments)
  }
}

/** Some providers give every call of a turn the same index: a new id with a name, or another name, is a new call. */
function beginsAnother(known: OpenCall, id: string, name: string): boolean {
  if (name === '') return false
  if (id !== '' && known.id !== '') return id !== known.id
  return known.name !== '' && name !== known.name
}

function isWhole(text: string): boolean {
  if (!text.endsWith('}')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const argumentText = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value)
