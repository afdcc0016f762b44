import type { Caller } from '../caller.ts'
import type { JsonObject } from '../json.ts'
import type { Grant, Role } from './roles.ts'

/** Who is behind a credential of any kind, with all that permissions are decided by. */
export interface Principal {
  /** A user who signed in, a service account, or an API key. */
  kind: 'user' | 'service' | 'key'
  userId: string | null
  /** Of a service account: its name. */
  account: string | null
  /** Null: a service account of the whole server, which says in each request for whom it works. */
  tenantId: string | null
  /** As it is now, whatever it was when the token was made. Of keys, what is nearest to their scopes. */
  role: Role | null
  isOperator: boolean
  /** What the token grants and the role still does. */
  grants: readonly Grant[]
  emailVerified: boolean
  credentialId: string | null
  /** The session behind a user's token (`sid`). */
  sessionId: string | null
  /** The refresh token behind a service account's. */
  serviceTokenId: string | null
  /** What the access token says. Null for keys. */
  claims: JsonObject | null
  /** For core. Null where there is no tenant. */
  caller: Caller | null
}

/** Who it was, for the records: the id of a user, the name of a service account, the id of a key. */
export const whoIs = ({ userId, account, caller, kind }: Principal): string => userId ?? account ?? caller?.keyId ?? kind

/** Of who may only do what needs no verified address. */
export const UNVERIFIED = 'The e-mail address must be verified first: open the link in the mail, or ask for another mail.'
