import type { Caller } from '../../../src/core/caller.ts'
import { newId } from '../../../src/core/id.ts'
import * as items from '../../../src/core/items/items.ts'
import type { TestApp } from '../../support/app.ts'

export interface ItemIds {
  /** The label of a namespace that holds one item under the key `k`. */
  label: string
}

export async function fillItems(app: TestApp, caller: Caller): Promise<ItemIds> {
  const label = newId()
  await items.putItem(app, caller, { namespace: [label], key: 'k', value: { secret: true }, ttlMinutes: 60 })
  return { label }
}

type Case = (caller: Caller, ids: ItemIds) => Promise<unknown>

/** The last one leaves the stranger an item of its own under the owner's path. */
export function itemCases({ app }: { app: () => TestApp }): Record<string, Case[]> {
  const path = (ids: ItemIds) => ({ namespace: [ids.label], key: 'k' })
  return {
    'items.getItem': [(c, ids) => items.getItem(app(), c, path(ids))],
    'items.getItems': [(c, ids) => items.getItems(app(), c, { paths: [path(ids)] })],
    'items.deleteItem': [(c, ids) => items.deleteItem(app(), c, path(ids))],
    'items.writeItems': [(c, ids) => items.writeItems(app(), c, [{ ...path(ids), value: null }])],
    'items.searchItems': [(c, ids) => items.searchItems(app(), c, { prefix: [ids.label] })],
    'items.listNamespaces': [(c, ids) => items.listNamespaces(app(), c, { matches: [{ side: 'prefix', labels: [ids.label] }] })],
    'items.putItem': [(c, ids) => items.putItem(app(), c, { ...path(ids), value: { intruder: true } })],
  }
}
