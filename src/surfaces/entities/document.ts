type Operation = Record<string, unknown> & { operationId?: string; tags?: string[] }
type Paths = Record<string, Record<string, Operation>>

/** What the contract calls the operations of paths that it names twice, bare and with their /v1. */
const NAMES: Readonly<Record<string, string>> = {
  '/files/download': 'download_file_via_signed_url',
  '/v1/files/download': 'download_file',
  '/v1/uploads/{file_id}/base64': 'get_file_as_base64_v1',
  '/v1/uploads/{file_id}/signed-url': 'generate_signed_url',
}

/** The document of the surface at `prefix`: each operation once, and the two places where all of them stand. */
export function onceEach(document: Record<string, unknown>, prefix: string): Record<string, unknown> {
  const paths: Paths = {}
  for (const [full, item] of Object.entries(document.paths as Paths)) {
    const path = full.slice(prefix.length)
    const name = NAMES[path]
    if (name !== undefined) paths[path] = renamed(item, name)
    else if (!path.startsWith('/v1/')) paths[path] = item
  }
  return { ...document, servers: [{ url: `${prefix}/v1` }, { url: prefix === '' ? '/' : prefix }], paths }
}

const renamed = (item: Record<string, Operation>, operationId: string): Record<string, Operation> =>
  Object.fromEntries(Object.entries(item).map(([method, operation]) => [method, { ...operation, operationId }]))
