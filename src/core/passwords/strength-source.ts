/**
 * Where the bundled text of strength.ts lies, compressed, put here by scripts/build.ts: an executable holds no file that a
 * thread could start from. null: run from the sources.
 */
export const strengthFile: string | null = null
