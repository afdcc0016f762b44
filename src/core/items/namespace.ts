import { Fault, type InvalidReason } from '../fault.ts'
import { isStorable } from '../json.ts'

/**
 * A namespace is a list of labels; in the table it is one text, each label followed by a dot: `users.7.`. So the items
 * below a namespace are those whose text begins with it, and none of its labels may contain a dot.
 */
export type Namespace = readonly string[]

export const spellNamespace = (labels: Namespace): string => labels.map((label) => `${label}.`).join('')

export const readNamespace = (text: string): string[] => (text === '' ? [] : text.slice(0, -1).split('.'))

/** The first text behind everything that begins with this one; a slash comes right after a dot. */
export const endOf = (spelled: string): string => `${spelled.slice(0, -1)}/`

export const LABELS_MAX = 64
/** With the key it must fit into an entry of an index, which holds 2704 bytes. */
const NAMESPACE_BYTES_MAX = 1_600
const KEY_BYTES_MAX = 1_000

export interface NamespaceRules {
  /** Nothing is a prefix of everything. */
  empty?: boolean
}

/** Throws invalid. The library's rule against colons is left to the library: Python's has none, and a colon harms nothing here. */
export function requireNamespace(labels: Namespace, param: string, rules: NamespaceRules = {}): void {
  if (labels.length === 0 && rules.empty !== true) throw invalid(param, 'too_few_items', 'must have at least one label')
  if (labels.length > LABELS_MAX) throw invalid(param, 'too_many_items', `has at most ${LABELS_MAX} labels`)
  for (const [i, label] of labels.entries()) {
    const at = `${param}[${i}]`
    if (typeof label !== 'string') throw invalid(at, 'type', 'must be a string')
    if (label === '') throw invalid(at, 'too_short', 'must not be empty')
    if (label.includes('.')) throw invalid(at, 'value', 'must not contain a period')
    requireText(label, at)
  }
  if (Buffer.byteLength(spellNamespace(labels)) > NAMESPACE_BYTES_MAX) {
    throw invalid(param, 'too_long', `has at most ${NAMESPACE_BYTES_MAX} bytes, counting one more for each label`)
  }
}

/** Throws invalid. */
export function requireKey(key: string): void {
  if (typeof key !== 'string') throw invalid('key', 'type', 'must be a string')
  requireText(key, 'key')
  if (Buffer.byteLength(key) > KEY_BYTES_MAX) throw invalid('key', 'too_long', `has at most ${KEY_BYTES_MAX} bytes`)
}

function requireText(text: string, param: string): void {
  if (!isStorable(text)) throw invalid(param, 'value', 'contains a character that cannot be stored: NUL or half of a surrogate pair')
}

export const invalid = (param: string, reason: InvalidReason, rule: string): Fault =>
  new Fault('invalid', `Invalid '${param}': it ${rule}.`, { kind: 'item', param, reason })
