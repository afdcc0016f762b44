/**
 * The bundled text of scan-worker.ts, put here by scripts/build.ts: an executable holds no file that a thread could start
 * from. null: run from the sources.
 */
export const scanSource: string | null = null
