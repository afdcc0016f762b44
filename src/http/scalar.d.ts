/** Imported with `{ type: 'file' }`: the path of the file, also inside the executable. */
declare module '*/standalone.js' {
  const path: string
  // biome-ignore lint/style/noDefaultExport: such an import has nothing but a default
  export default path
}
