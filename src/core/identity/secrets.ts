/** What a key begins with, so that people and leak scanners tell its kind: of the tenant, of a user, of a user's by the operator. */
export type KeyTag = 'tp' | 'ea' | 'ad'

export const hashSecret = (secret: string): string => new Bun.CryptoHasher('sha256').update(secret).digest('hex')

/** 32 random bytes, so that no guess and no dictionary gets anywhere. */
export const newSecret = (tag: KeyTag): string => `${tag}_${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')}`
