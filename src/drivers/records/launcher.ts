import type { Account } from './account.ts'
import { LIBC } from './libc.ts'

export interface Launch {
  program: string
  args: string[]
  env: Record<string, string>
  account: Account | undefined
}

const VARIABLE = 'TETRAPORT_LAUNCH'

/**
 * Runs as `bun -e` in a process of its own and becomes Postgres under the same process id. It starts as ourselves, so it
 * works wherever our executable lies, also where Postgres' account could not enter. The order matters: a change of user
 * clears the parent-death signal. SIGINT is Postgres' fast shutdown.
 */
const SCRIPT = `
const { program, args, env, account, parent, libc } = JSON.parse(process.env.${VARIABLE})
const { dlopen } = require('bun:ffi')
if (account) {
  const { symbols: c } = dlopen(libc, {
    setgroups: { args: ['u64', 'ptr'], returns: 'i32' },
    setgid: { args: ['u32'], returns: 'i32' },
    setuid: { args: ['u32'], returns: 'i32' },
  })
  if (c.setgroups(0, null) !== 0 || c.setgid(account.gid) !== 0 || c.setuid(account.uid) !== 0) {
    console.error('cannot change to user ' + account.uid)
    process.exit(97)
  }
}
if (process.platform === 'linux') {
  const { symbols: c } = dlopen(libc, { prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' } })
  c.prctl(1, 2, 0, 0, 0)
}
if (process.ppid !== parent) process.exit(99)
process.execve(program, [program, ...args], env)
`

/** Command and environment that start Postgres bound to the life of this process. */
export function launchCommand(launch: Launch): { command: string[]; env: Record<string, string> } {
  const message = JSON.stringify({ ...launch, parent: process.pid, libc: LIBC })
  // The compiled executable acts as the bun command line under this variable.
  return { command: [process.execPath, '-e', SCRIPT], env: { BUN_BE_BUN: '1', [VARIABLE]: message } }
}
