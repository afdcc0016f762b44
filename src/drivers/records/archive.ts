/** What `scripts/build.ts` packs into the executable: a tar.zst with `server`, `cluster` and `cluster-folders.json`. */
export interface PackedServer {
  path: string
  version: string
}

/** null in the sources, where the npm package is at hand; the build replaces this module. */
export const packedServer: PackedServer | null = null
