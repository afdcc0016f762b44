import type { Db, Param } from '../../drivers/records/port.ts'
import type { NamespaceMatch } from './items.ts'
import { endOf, readNamespace, spellNamespace } from './namespace.ts'

export interface NamespaceSearch {
  at: number
  matches: readonly NamespaceMatch[]
  depth: number | null
  limit: number
  offset: number
}

const labelsOf = (text: string): string => `(length(${text}) - length(replace(${text}, '.', '')))`

type Add = (value: string) => string

/** `text` ends with a dot, so counted from the end its first part is empty. */
function matchSql({ side, labels }: NamespaceMatch, text: string, add: Add): string {
  const parts = labels.flatMap((label, i) => {
    const place = side === 'prefix' ? i + 1 : i - labels.length - 1
    return label === '*' ? [] : [`split_part(${text}, '.', ${place}) = ${add(label)}`]
  })
  return [`${labelsOf(text)} >= ${labels.length}`, ...parts].join(' and ')
}

/** The labels before the first wildcard of the longest prefix. */
function startOf(matches: readonly NamespaceMatch[]): string {
  const starts = matches
    .filter((match) => match.side === 'prefix')
    .map(({ labels }) => labels.slice(0, labels.includes('*') ? labels.indexOf('*') : labels.length))
  return spellNamespace(starts.reduce((a, b) => (b.length > a.length ? b : a), []))
}

/**
 * The namespaces in which there are items, cut to `depth` labels, in the order of their text, each once.
 * Goes from namespace to namespace by the index, and past everything below one that was cut: a namespace of a million
 * items costs as much as one of two. The walk is lazy and comes in order; sorting it would make it go to its end.
 */
export async function walkNamespaces(db: Db, tenantId: string, search: NamespaceSearch): Promise<string[][]> {
  const params: Param[] = [tenantId, search.at, search.limit, search.offset]
  const add: Add = (value) => `$${params.push(value)}::text`
  const where = ['i.tenant_id = $1', '(i.expires_at is null or i.expires_at > to_timestamp($2::float8 / 1000.0))']
  const start = startOf(search.matches)
  if (start !== '') where.push(`i.namespace >= ${add(start)}`, `i.namespace < ${add(endOf(start))}`)
  const hit = search.matches.map((match) => matchSql(match, 'i.namespace', add)).join(' and ') || 'true'
  const step = (more: string) =>
    `select i.namespace, (${hit}) as hit from item i where ${where.join(' and ')}${more} order by i.namespace limit 1`
  const { depth } = search
  const isCut = depth === null ? 'false' : `w.hit and ${labelsOf('w.namespace')} >= ${depth}`
  const cut = `array_to_string((string_to_array(w.namespace, '.'))[1:${depth ?? 0}], '.')`
  const rows = await db.query<{ namespace: string }>(
    `with recursive walk as ((${step('')}) union all select n.namespace, n.hit from walk w cross join lateral (${step(
      ` and i.namespace >= (case when ${isCut} then ${cut} || '/' else w.namespace || chr(1) end) collate "C"`,
    )}) n)
    select case when ${isCut} then ${cut} || '.' else w.namespace end as namespace from walk w where w.hit limit $3 offset $4`,
    params,
  )
  return rows.map((row) => readNamespace(row.namespace))
}
