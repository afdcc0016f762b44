import { Refusal } from './refusal.ts'

/** By extension, in the order in which a refusal names them. */
const TYPES: Record<string, string> = {
  '.c': 'text/x-c',
  '.cpp': 'text/x-c++',
  '.cs': 'text/x-csharp',
  '.css': 'text/css',
  '.doc': 'application/msword',
  '.docx': 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  '.go': 'text/x-golang',
  '.html': 'text/html',
  '.java': 'text/x-java',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.md': 'text/markdown',
  '.pdf': 'application/pdf',
  '.php': 'text/x-php',
  '.pptx': 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  '.py': 'text/x-python',
  '.pyx': 'text/x-script.python',
  '.rb': 'text/x-ruby',
  '.sh': 'application/x-sh',
  '.tex': 'text/x-tex',
  '.ts': 'application/typescript',
  '.txt': 'text/plain',
  '.csv': 'text/csv',
  '.tsv': 'text/tab-separated-values',
  '.xls': 'application/vnd.ms-excel',
  '.xlsx': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.svg': 'image/svg+xml',
  '.zip': 'application/zip',
  '.tar': 'application/x-tar',
  '.gz': 'application/gzip',
  '.rar': 'application/vnd.rar',
  '.7z': 'application/x-7z-compressed',
  '.mp3': 'audio/mpeg',
  '.mp4': 'video/mp4',
  '.wav': 'audio/wav',
  '.ogg': 'audio/ogg',
}

const SUPPORTED = Object.keys(TYPES)
  .map((extension) => `'${extension}'`)
  .join(', ')

const SHOWN_CHARS_MAX = 50
const shorten = (text: string): string => (text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text)

/** From the last dot of the name on, in small letters; a name that only begins with dots has none. */
function extensionOf(filename: string): string {
  const name = filename.split(/[/\\]/).at(-1) ?? ''
  const dot = name.lastIndexOf('.')
  return /[^.]/.test(name.slice(0, Math.max(0, dot))) ? name.slice(dot).toLowerCase() : ''
}

type Kind = 'text' | 'image' | 'media' | 'data'

function kindOf(type: string): Kind {
  if (/^(?:audio|video)\/|^application\/(?:ogg|mp4)$/.test(type)) return 'media'
  if (type.startsWith('image/')) return 'image'
  return type.startsWith('text/') ? 'text' : 'data'
}

const UNKNOWN = 'application/octet-stream'
/** Programs that are called applications by some and texts by others. */
const PROGRAMS = /^application\/(?:json|typescript|x-sh)$/

/**
 * Libraries guess the types of one extension in many ways: all of them are taken, so long as nothing quite different is
 * claimed, a picture for a text say.
 */
function agrees(sent: string, expected: string): boolean {
  if (sent === '' || sent === UNKNOWN || kindOf(sent) === kindOf(expected)) return true
  if (kindOf(expected) === 'text') return kindOf(sent) === 'data'
  // The other meaning of .ts.
  return PROGRAMS.test(expected) && (kindOf(sent) === 'text' || sent === 'video/mp2t')
}

/** The extension decides, whatever was sent with it. */
export function requireFileType(filename: string, sent: string): string {
  const extension = extensionOf(filename)
  const expected = TYPES[extension]
  if (expected === undefined) throw new Refusal(400, `Unsupported file type: ${shorten(extension)}. Supported types: [${SUPPORTED}]`)
  const type = (sent.split(';')[0] ?? '').trim().toLowerCase()
  if (!agrees(type, expected)) throw new Refusal(400, `Content type mismatch: expected ${expected}, got ${shorten(type)}`)
  return expected
}
