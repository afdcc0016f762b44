import type { TSchema } from '@sinclair/typebox'
import type { AnyElysia } from 'elysia'
import { type Operation, PERMISSIONS, type Permission } from '../../core/access/permissions.ts'
import { isAtLeast, ROLES } from '../../core/access/roles.ts'
import { answersIn, type Named } from '../../http/answers.ts'
import { inputsIn } from '../../http/inputs.ts'
import { HEADERS } from '../../http/openapi.ts'
import { ErrorBody } from './fields.wire.ts'
import { as422, Refusal, requireValid } from './refusal.ts'

export const { takes, asks, paths } = inputsIn({
  requireValid,
  unreadable: () => new Refusal(404, 'Not Found', 'not_found'),
  readBody: (body) => as422(body.read()),
})

export interface Permitted<O extends Operation = Operation> extends Named {
  /** Its row in the table of permissions. */
  may: O
  /** What it answers opens something: nobody on the way may keep it. */
  secret?: true
}

const PUBLIC = [400, 403, 404, 409, 422, 423, 429, 503] as const
const REFUSALS = [...PUBLIC, 401] as const
const parts = answersIn({ error: ErrorBody, refusals: REFUSALS, security: [{ bearer: [] }, { apiKey: [] }] })

/** The name under which the document, and the test of permissions, find the operation's row. */
export const OPERATION = 'x-operation'

/** For the document: a header that an operation reads. */
export const header = (name: string, description: string, required = false) => ({
  ...{ name, in: 'header' as const, required, description },
  schema: { type: 'string' as const },
})

const TENANT_HEADERS = [
  header('X-Tenant-Id', 'Must be the tenant of the token where that has one; chooses the tenant otherwise.'),
  header('X-Tenant-Role', 'Lowers the role of this request; never raises it. Unknown words mean nothing.'),
]
const OPERATOR_HEADERS = [
  header('X-Operator-Override', '1, true, yes or on: as an operator, for any tenant.'),
  header('X-Operator-Reason', 'Why; needed with the override.'),
]

/** What the table says of an operation, for its document. */
function permissionOf(may: Operation) {
  const { level, grants, role, operator }: Permission = PERMISSIONS[may]
  const roles = role === undefined ? undefined : ROLES.filter((one) => isAtLeast(one, role))
  return {
    [OPERATION]: may,
    'x-auth': { level, ...(grants && { scopes: grants }), ...(roles && { roles }), ...(operator && { operator }) },
    ...(level === 'none' ? { security: [] as Record<string, string[]>[] } : {}),
    ...(role === undefined ? {} : { [HEADERS]: [...TENANT_HEADERS, ...(operator ? OPERATOR_HEADERS : [])] }),
  }
}

/** The route is this operation, is open to whom the table says, and answers with this shape and status. */
export const answers = <O extends Operation, A extends TSchema, const N extends number = 200>(
  { may, secret, ...named }: Permitted<O>,
  schema: A,
  status?: N,
) => {
  const { detail, afterHandle, ...answered } = parts.answers(named, schema, status)
  const hook = ({ set }: { set: { status?: number | string; headers: Record<string, string | number> } }): void => {
    afterHandle({ set })
    if (secret) set.headers['cache-control'] = 'no-store'
  }
  return { may, ...answered, afterHandle: hook, detail: { ...detail, ...permissionOf(may) } }
}

/** Nobody decided who may use a route that is no operation of the table: it is not served. */
export function requireOperations(routes: AnyElysia['routes']): void {
  for (const { method, path, hooks } of routes) {
    if ((hooks as { detail?: Record<string, unknown> }).detail?.[OPERATION] === undefined)
      throw new Error(`${method} ${path} is no operation of the table of permissions`)
  }
}
