import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'

const KEY_BYTES = 32

/**
 * The secret of this data folder, made when it is asked for first. It is whole or not there: it is written under another
 * name, and the name it is read by goes to whoever links it first.
 */
export async function keyFile(dir: string): Promise<Buffer> {
  const path = join(dir, 'secret.key')
  const known = await read(path)
  if (known) return known
  await mkdir(dir, { recursive: true })
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(randomBytes(KEY_BYTES))
    await file.sync()
    await link(draft, path).catch(unlessThere)
  } finally {
    await file.close()
    await unlink(draft)
  }
  const made = await read(path)
  if (made) return made
  throw new Error(`${path} went away while it was made.`)
}

async function read(path: string): Promise<Buffer | undefined> {
  try {
    const secret = await readFile(path)
    if (secret.length >= KEY_BYTES) return secret
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  throw new Error(`${path} is too short to be a key. Put the right file there, or set secrets.key.`)
}

function unlessThere(error: unknown): void {
  if (codeOf(error) !== 'EEXIST') throw error
}

const codeOf = (error: unknown): unknown => Object(error).code
