/** Keeps what nobody may read who only has the database. */
export interface Vault {
  /** @param about what the text belongs to: it opens for nothing else */
  seal(text: string, about: string): Promise<string>
  /** Undefined: it was sealed with another key, for something else, or changed since. */
  open(sealed: string, about: string): Promise<string | undefined>
}
