import type { Needs } from '../needs.ts'

/** So many of a person's passwords, the one in use among them, are not taken again. */
export const HISTORY_MAX = 5

/** Whether it is one of these hashes, newest first; older ones than count are not compared. One after the other, so that one person does not take every place. */
export async function isReused({ passwords }: Needs<'passwords'>, password: string, history: readonly string[]): Promise<boolean> {
  for (const hash of history.slice(0, HISTORY_MAX)) if (await passwords.verify(password, hash)) return true
  return false
}

/** With the hash of a new password, newest first. */
export const withHash = (history: readonly string[], hash: string): string[] => [hash, ...history].slice(0, HISTORY_MAX)
