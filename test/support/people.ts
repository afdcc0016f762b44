import type { Caller } from '../../src/core/caller.ts'
import type { TestApp } from './app.ts'
import { newAdmin, newUser } from './users.ts'

type UserCaller = Caller & { userId: string }

/** A user of the operator's tenant. */
export async function userOf(app: TestApp, operator: Caller): Promise<UserCaller> {
  const { caller, user } = await newUser(app, operator)
  return { ...caller, userId: user.id }
}

/** Another administrator than the operator. */
export async function adminOf(app: TestApp, operator: Caller): Promise<UserCaller> {
  const { caller, user } = await newAdmin(app, operator)
  return { ...caller, userId: user.id }
}

/** As a key of the tenant itself. */
export const tenantOf = ({ tenantId }: Caller): Caller => ({
  ...{ tenantId, userId: null, keyId: null, scopes: new Set(['read', 'write'] as const) },
})

/** The code of the fault that the work ends with; undefined where it goes well. */
export const faultOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error) => (error as { code?: string }).code ?? error,
  )
