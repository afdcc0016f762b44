import type { Condition } from './filter.ts'

/** JavaScript's spelling of a decimal number. Longer ones are left out: `numeric` would fail on them. */
const NUMERAL = String.raw`^[ \t\n\r\f\v]*[+-]?([0-9]{1,255}\.?[0-9]{0,255}|\.[0-9]{1,255})([eE][+-]?[0-9]{1,3})?[ \t\n\r\f\v]*$`

/** What `Number()` makes of a jsonb value; null where that is no number. */
const numberOf = (json: string): string => `(case jsonb_typeof(${json})
  when 'number' then (${json})::numeric
  when 'boolean' then (${json})::boolean::int::numeric
  when 'null' then 0
  when 'string' then case when (${json} #>> '{}') ~ '${NUMERAL}' then (${json} #>> '{}')::numeric when btrim(${json} #>> '{}', E' \\t\\n\\r\\f\\v') = '' then 0 end
end)`

const SIGNS = { $gt: '>', $gte: '>=', $lt: '<', $lte: '<=' }

/**
 * One condition over a jsonb column; what is not true leaves an item out.
 * @param add gives a text parameter its place, as `$3::text`
 */
export function conditionSql(condition: Condition, column: string, add: (value: string) => string): string {
  // `->` with a key, unlike `#>`, does not look into lists.
  const json = condition.path.reduce((inner, key) => `(${inner} -> ${add(key)})`, column)
  switch (condition.test) {
    case 'is':
      return `${json} = ${add(JSON.stringify(condition.value))}::jsonb`
    case 'isnt':
      return `${json} is distinct from ${add(JSON.stringify(condition.value))}::jsonb`
    case 'in':
      return `${json} in (select jsonb_array_elements(${add(JSON.stringify(condition.values))}::jsonb))`
    case 'nin':
      return `(${json} is null or ${json} not in (select jsonb_array_elements(${add(JSON.stringify(condition.values))}::jsonb)))`
    case 'missing':
      return `${json} is null`
    case 'never':
      return 'false'
    default:
      return `${numberOf(json)} ${SIGNS[condition.test]} ${add(String(condition.bound))}::numeric`
  }
}
