import { Type as t } from '@sinclair/typebox'
import { CLOSED, oneOf } from './fields.wire.ts'

const Value = t.Union([t.String(), t.Number(), t.Boolean(), t.Array(t.Union([t.String(), t.Number()]))])

const ComparisonFilter = t.Object({ type: oneOf('eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin'), key: t.String(), value: Value }, CLOSED)

/** The name of the schema in the document. */
export const ATTRIBUTE_FILTER = 'AttributeFilter'

/** Written down it is a reference; who walks it finds the schema itself behind `target`, which is not written. */
const itself = Object.defineProperty(t.Unsafe<unknown>({ $ref: `#/components/schemas/${ATTRIBUTE_FILTER}` }), 'target', {
  value: (): unknown => AttributeFilter,
  enumerable: false,
})

const CompoundFilter = t.Object({ type: oneOf('and', 'or'), filters: t.Array(itself) }, CLOSED)

/** Contains itself. How deep and how large one may be is core's rule: requireFilter. */
export const AttributeFilter = t.Union([ComparisonFilter, CompoundFilter])
