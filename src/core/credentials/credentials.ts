import type { Role } from '../access/roles.ts'

export {
  deleteCredentialIfUnused,
  findCredential,
  insertCredential,
  markVerified,
  readCredential,
  readCredentialOf,
  readOwner,
  verifyCredential,
  writePassword,
} from './store.ts'

/** What a person signs in with, in every tenant that has a user of it. */
export interface Credential {
  id: string
  /** In lower case. */
  email: string
  /** Argon2id, in PHC form. */
  passwordHash: string
  /** Earlier hashes and this one, newest first. */
  passwordHistory: string[]
  verifiedAt: number | null
}

/** A user that a credential stands for. */
export interface Membership {
  id: string
  tenantId: string
  role: Role | null
  isOperator: boolean
  status: string
}

export type Known = Credential & { users: Membership[] }

/** A user of a tenant with what he signs in with. */
export interface Owner extends Credential {
  role: Role | null
  isOperator: boolean
  /** The same person is somebody in other tenants. */
  elsewhere: boolean
}

export interface NewCredential {
  id: string
  email: string
  passwordHash: string
  verified: boolean
  at: number
}
