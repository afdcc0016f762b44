import type { Grant } from '../access/roles.ts'

const DAY_MINUTES = 24 * 60

/** A name that a machine works under, and the most it can ever get. */
export interface ServiceAccount {
  name: string
  about: string
  /** Sorted. A token has some of them, or all. */
  scopes: readonly Grant[]
  /** Whether its tokens are of one tenant, or of the whole server. */
  tenant: 'required' | 'forbidden'
  /** The longest life of a token, and the one it has when nobody says. */
  lifetimeMinutes: number
}

/** The five that clients of this API know. They are part of the program: who may add one may change the program. */
export const SERVICE_ACCOUNTS: readonly ServiceAccount[] = [
  {
    name: 'analytics-batch',
    about: "Reads a tenant's conversations, for reports made at night.",
    scopes: ['conversations:read'],
    tenant: 'required',
    lifetimeMinutes: 30 * DAY_MINUTES,
  },
  {
    name: 'billing-worker',
    about: "Reads a tenant's bills and changes its subscription.",
    scopes: ['billing:manage', 'billing:read'],
    tenant: 'required',
    lifetimeMinutes: 30 * DAY_MINUTES,
  },
  {
    name: 'demo-bot',
    about: 'Talks to agents for whichever tenant a request names, for demonstrations.',
    scopes: ['chat:write', 'conversations:read'],
    tenant: 'forbidden',
    lifetimeMinutes: 30 * DAY_MINUTES,
  },
  {
    name: 'support-console',
    about: 'Does everything for every tenant: the tool of those who help customers.',
    scopes: ['support:*'],
    tenant: 'forbidden',
    lifetimeMinutes: 7 * DAY_MINUTES,
  },
  {
    name: 'synthetic-monitor',
    about: 'Plays a customer of one tenant, to notice when something stops working.',
    scopes: ['billing:read', 'conversations:write', 'tools:read'],
    tenant: 'required',
    lifetimeMinutes: DAY_MINUTES,
  },
]

export const findAccount = (name: string): ServiceAccount | undefined => SERVICE_ACCOUNTS.find((account) => account.name === name)
