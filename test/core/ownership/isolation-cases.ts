import type { Caller } from '../../../src/core/caller.ts'
import * as access from '../../../src/core/ownership/access.ts'
import * as associations from '../../../src/core/ownership/associations.ts'
import * as ownership from '../../../src/core/ownership/ownership.ts'
import type { TestApp } from '../../support/app.ts'

interface Ids {
  user: string
  tool: string
  assistant: string
  thread: string
  message: string
  run: string
  file: string
  store: string
  idle: string
}
type Case = (caller: Caller, ids: Ids) => Promise<unknown>

/** As a key of a user who is no admin. */
const humble = (caller: Caller): Caller => ({ ...caller, scopes: new Set(['read', 'write']) })
const change = () => ({ intruder: 'was here' })

/** Every way in which something that is owned can be foreign, for managers and for users. */
export function ownershipCases({ app, own }: { app: () => TestApp; own: () => Ids }): Record<string, Case[]> {
  const pairs: ((ids: Ids) => { from: string; to: string })[] = [
    (ids) => ({ from: ids.assistant, to: ids.tool }),
    (ids) => ({ from: own().assistant, to: ids.tool }),
  ]
  const sides: ((ids: Ids) => { from: string } | { to: string })[] = [(ids) => ({ from: ids.assistant }), (ids) => ({ to: ids.tool })]
  const kind = 'assistant_tool' as const
  const both = (look: (caller: Caller, ids: Ids) => Promise<unknown>): Case[] => [look, (c, ids) => look(humble(c), ids)]
  return {
    'associations.associate': pairs.map((of) => (c, ids) => associations.associate(app(), c, { kind, ...of(ids) })),
    'associations.isAssociated': pairs.map((of) => (c, ids) => associations.isAssociated(app(), c, { kind: 'assistant_user', ...of(ids) })),
    'associations.dissociate': pairs.map((of) => (c, ids) => associations.dissociate(app(), c, { kind: 'assistant_user', ...of(ids) })),
    'associations.associated': sides.map((of) => (c, ids) => associations.associated(app(), c, { kind: 'assistant_user', ...of(ids) })),
    'associations.dissociateAll': sides.map((of) => (c, ids) => associations.dissociateAll(app(), c, { kind, ...of(ids) })),
    'ownership.own': [(c, ids) => ownership.own(app(), c, { kind: 'file', id: ids.file })],
    'ownership.ownersOf': [async (c, ids) => [...(await ownership.ownersOf(app(), c, { kind: 'assistant', ids: [ids.assistant] }))]],
    'ownership.ownerOf': [(c, ids) => ownership.ownerOf(app(), c, { kind: 'assistant', id: ids.assistant })],
    'ownership.requireOwned': both((c, ids) => ownership.requireOwned(app(), c, { kind: 'assistant', id: ids.assistant })),
    'ownership.listOwned': [
      (c, ids) => ownership.listOwned(app(), c, { kind: 'assistant', userId: ids.user, limit: 5 }),
      (c, ids) => ownership.listOwned(app(), c, { kind: 'run', threadId: ids.idle, limit: 5 }),
    ],
    'ownership.changeFacts': [(c, ids) => ownership.changeFacts(app(), c, { kind: 'assistant', id: ids.assistant, change })],
    'ownership.holdOwned': [(c, ids) => app().db.transaction((db) => ownership.holdOwned(db, c, { kind: 'assistant', id: ids.assistant }))],
    'ownership.holdUser': [(c, ids) => app().db.transaction((db) => ownership.holdUser(db, c, ids.user))],
    'ownership.disown': [(c, ids) => ownership.disown(app().db, c, { kind: 'assistant', id: ids.assistant })],
    'access.requireThread': both((c, ids) => access.requireThread(app(), c, ids.thread)),
    'access.requireAssistant': (['use', 'change'] as const).flatMap((to) =>
      both((c, ids) => access.requireAssistant(app(), c, { id: ids.assistant, to })),
    ),
    'access.requireStore': both((c, ids) => access.requireStore(app(), c, { id: ids.store })),
    'access.requireFile': both((c, ids) => access.requireFile(app(), c, ids.file)),
    'access.requireRun': both((c, ids) => access.requireRun(app(), c, ids.run)),
    'access.requireMessage': both((c, ids) => access.requireMessage(app(), c, ids.message)),
    'access.requireUser': both((c, ids) => access.requireUser(app(), c, { id: ids.user, how: 'self_or_manager' })),
    'access.isShared': [(c, ids) => access.isShared(app(), c, ids.user)],
  }
}
