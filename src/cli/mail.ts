import type { Config } from '../config.ts'
import type { Caller } from '../core/caller.ts'
import { Fault } from '../core/fault.ts'
import { listMails, type Mail, type OpenedMail, readMail } from '../core/mail/mail.ts'
import { type Hindrance, resendMail } from '../core/mail/resending.ts'
import type { Needs } from '../core/needs.ts'
import { openVault } from '../drivers/vault/vault.ts'
import { CliError, EXIT } from './cli-error.ts'
import { asOperator, type Common, columns } from './key.ts'
import type { Terminal } from './terminal.ts'

/** What a person reads; programs ask for more. */
const LISTED = 50
const LISTED_MAX = 10_000

/** Neither of both: all. */
export type ListOptions = Common & { failed: boolean; waiting: boolean }

export async function listMailsOf(options: ListOptions, terminal: Terminal): Promise<void> {
  const limit = options.json ? LISTED_MAX : LISTED
  const statuses = [...(options.failed ? (['failed'] as const) : []), ...(options.waiting ? (['queued'] as const) : [])]
  const mails = await asOperator(options, terminal, (app, caller) => listMails(app, caller, { limit, statuses }))
  if (options.json) return terminal.out(`${JSON.stringify(mails.map(toJson), null, 2)}\n`)
  terminal.out(columns([['ID', 'KIND', 'STATUS', 'ATTEMPTS', 'QUEUED', 'ENDED', 'ERROR'], ...mails.map(toCells)]))
}

export async function showMail(options: Common & { id: string }, terminal: Terminal): Promise<void> {
  const read = (app: Needs<'db'>, caller: Caller, { secrets, data }: Config) =>
    readMail({ ...app, vault: openVault(secrets, { dir: data.dir }) }, caller, options.id)
  const mail = await asOperator(options, terminal, read)
  if (!mail) throw unknownMail(options.id)
  if (!mail.content) throw sealedElsewhere(options.id)
  terminal.out(options.json ? `${JSON.stringify(toWholeJson(mail))}\n` : written(mail))
}

export async function resendMailOf(options: Common & { id: string; again: boolean }, terminal: Terminal): Promise<void> {
  const { id, again, json } = options
  const done = await asOperator(options, terminal, (app, caller, { secrets, data }) =>
    resendMail({ ...app, vault: openVault(secrets, { dir: data.dir }) }, caller, { id, again }),
  ).catch((error) => {
    throw error instanceof Fault && error.code === 'busy' ? inSending(id) : error
  })
  if (!done) throw unknownMail(id)
  if ('hindrance' in done) throw done.hindrance === 'sealed' ? sealedElsewhere(id) : notAgain(id, done.hindrance)
  terminal.out(json ? `${JSON.stringify(toJson(done.mail))}\n` : `The mail ${id} is sent by a server, now or as soon as one runs.\n`)
}

function written(mail: OpenedMail): string {
  const { about, composed } = mail.content ?? {}
  const lines = [
    ['Mail', mail.id],
    ['Status', mail.error === null ? mail.status : `${mail.status}: ${mail.error}`],
    ['Kind', mail.kind],
    ['Queued', moment(mail.createdAt)],
    ['Ended', moment(mail.endedAt)],
    ['Attempts', String(mail.attempts)],
    ['To', about?.to ?? ''],
    ['Subject', composed?.subject ?? '-'],
  ].map(([name = '', value = '']) => `${`${name}:`.padEnd(10)}${value}\n`)
  return `${lines.join('')}\n${composed?.text ?? UNWRITTEN[mail.status]}`
}

/** Nothing was written where there is no text. */
const UNWRITTEN: Record<Mail['status'], string> = {
  queued: 'Its text is written when it is sent.\n',
  dropped: 'Nobody signs in with this address: nothing was written.\n',
  failed: 'It failed before its text was written.\n',
  sent: '',
}

const toWholeJson = (mail: OpenedMail) => {
  const { about, composed } = mail.content ?? {}
  return { ...toJson(mail), to: about?.to, subject: composed?.subject ?? null, text: composed?.text ?? null, link: composed?.link ?? null }
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())
const moment = (at: number | null): string => iso(at)?.slice(0, 16).replace('T', ' ') ?? '-'

const toJson = (mail: Mail) => ({
  ...{ id: mail.id, tenant_id: mail.tenantId, kind: mail.kind, status: mail.status, message_id: mail.messageId },
  ...{ attempts: mail.attempts, error: mail.error, created_at: iso(mail.createdAt), ended_at: iso(mail.endedAt) },
})

const toCells = ({ id, kind, status, attempts, createdAt, endedAt, error }: Mail): string[] => [
  ...[id, kind, status, String(attempts), moment(createdAt), moment(endedAt), error ?? ''],
]

const unknownMail = (id: string): CliError =>
  new CliError({
    what: `There is no mail '${id}'.`,
    why: 'Mails are shown by their id, and forgotten thirty days after they were sent or given up.',
    next: "Run 'tetraport mail list' to see the ids.",
    exitCode: EXIT.failed,
  })

const REFUSED: Record<Exclude<Hindrance, 'sealed'>, [why: string, next: string]> = {
  sent: ['It was sent already: whoever it was for may have it.', 'Add --again to send it once more.'],
  dropped: ['Nobody signed in with its address when it was to be sent, so nothing was written.', 'Whoever wants it must ask for it anew.'],
  expired: ['Its link works no more.', 'Whoever it was for must ask for a new one, or be invited anew.'],
}

function notAgain(id: string, hindrance: Exclude<Hindrance, 'sealed'>): CliError {
  const [why, next] = REFUSED[hindrance]
  return new CliError({ what: `The mail '${id}' is not sent again.`, why, next, exitCode: EXIT.failed })
}

const inSending = (id: string): CliError =>
  new CliError({
    what: `The mail '${id}' is being sent.`,
    why: 'A server was at it at this moment.',
    next: "Run 'tetraport mail list' to see what became of it.",
    exitCode: EXIT.failed,
  })

const sealedElsewhere = (id: string): CliError =>
  new CliError({
    what: `The mail '${id}' cannot be opened.`,
    why: 'It was sealed with another secret than this data folder or secrets.key has.',
    next: 'Run this with the data folder and the configuration of the server.',
    exitCode: EXIT.failed,
  })
