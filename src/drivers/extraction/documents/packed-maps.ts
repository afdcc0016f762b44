/** Where the executable carries the character maps; `scripts/build.ts` puts its own module in place of this one. */
export const packedMaps: string | undefined = undefined
