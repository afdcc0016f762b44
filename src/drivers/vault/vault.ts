import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { Config } from '../../config.ts'
import { keyFile } from './key-file.ts'
import type { Vault } from './port.ts'

const CIPHER = 'aes-256-gcm'
/** What was sealed in a later form is not of this one. */
const FORM = 'v1'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Reads, or makes, its key when it is needed first: most servers never do. */
export function openVault({ key: stated }: Config['secrets'], { dir }: { dir: string }): Vault {
  let opened: Promise<Buffer> | undefined
  const key = (): Promise<Buffer> => {
    opened ??= readKey(stated, dir).catch((cause) => {
      opened = undefined
      throw cause
    })
    return opened
  }
  return {
    seal: async (text, about) => sealed(await key(), text, about),
    open: async (text, about) => unsealed(await key(), text, about),
  }
}

/** Whatever the operator wrote is long enough then, and serves nothing else. */
async function readKey(stated: string | null, dir: string): Promise<Buffer> {
  const secret = stated === null ? await keyFile(dir) : Buffer.from(stated)
  return Buffer.from(hkdfSync('sha256', secret, '', `tetraport vault ${FORM}`, KEY_BYTES))
}

function sealed(key: Buffer, text: string, about: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(about))
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return `${FORM}.${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')}`
}

function unsealed(key: Buffer, text: string, about: string): string | undefined {
  const [form, packed = ''] = text.split('.')
  const bytes = Buffer.from(packed, 'base64url')
  if (form !== FORM || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
  const cipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(about)).setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  try {
    return cipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + cipher.final('utf8')
  } catch {
    return undefined
  }
}
