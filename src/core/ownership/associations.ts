import type { Db } from '../../drivers/records/port.ts'
import type { Caller } from '../caller.ts'
import type { Needs } from '../needs.ts'
import type { AssociationKind } from './ownership.ts'
import { deleteAssociation, deleteAssociations, insertAssociation, isAssociatedRow, readAssociated } from './store.ts'

interface Pair {
  kind: AssociationKind
  from: string
  to: string
}

type Side = { kind: AssociationKind } & ({ from: string } | { to: string })

const keyOf = (caller: Caller, kind: AssociationKind) => ({ tenantId: caller.tenantId, kind })

/** False: they belonged together already. Whether both exist and are the caller's to join is for the one who calls. */
export const associate = (app: { db: Db } & Needs<'clock'>, caller: Caller, { kind, from, to }: Pair): Promise<boolean> =>
  insertAssociation(app.db, keyOf(caller, kind), { from, to, at: app.clock.now() })

/** False: they did not belong together. */
export const dissociate = (app: { db: Db }, caller: Caller, { kind, from, to }: Pair): Promise<boolean> =>
  deleteAssociation(app.db, keyOf(caller, kind), { from, to })

/** Everything that one object belongs with. */
export const dissociateAll = (app: { db: Db }, caller: Caller, { kind, ...side }: Side): Promise<void> =>
  deleteAssociations(app.db, keyOf(caller, kind), side)

/** Ids of the other side, in the order in which they came together. */
export const associated = (app: { db: Db }, caller: Caller, { kind, ...side }: Side): Promise<string[]> =>
  readAssociated(app.db, keyOf(caller, kind), side)

export const isAssociated = (app: { db: Db }, caller: Caller, { kind, from, to }: Pair): Promise<boolean> =>
  isAssociatedRow(app.db, keyOf(caller, kind), { from, to })
