import { Fault } from '../fault.ts'

/** What clients send when they do not know. */
const UNKNOWN = 'application/octet-stream'

/** By extension: what is uploaded to be read by models, and what they make. */
const BY_EXTENSION: Record<string, string> = {
  c: 'text/x-c',
  cpp: 'text/x-c++',
  cs: 'text/x-csharp',
  css: 'text/css',
  csv: 'text/csv',
  doc: 'application/msword',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  gif: 'image/gif',
  go: 'text/x-golang',
  html: 'text/html',
  htm: 'text/html',
  java: 'text/x-java',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  js: 'text/javascript',
  json: 'application/json',
  jsonl: 'application/jsonl',
  md: 'text/markdown',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  php: 'text/x-php',
  pkl: UNKNOWN,
  png: 'image/png',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  py: 'text/x-python',
  rb: 'text/x-ruby',
  rtf: 'application/rtf',
  sh: 'application/x-sh',
  svg: 'image/svg+xml',
  tar: 'application/x-tar',
  tex: 'text/x-tex',
  ts: 'application/typescript',
  tsv: 'text/tab-separated-values',
  txt: 'text/plain',
  wav: 'audio/wav',
  webp: 'image/webp',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  xml: 'application/xml',
  yaml: 'application/yaml',
  yml: 'application/yaml',
  zip: 'application/zip',
}

const CHARS_MAX = 255
const SHAPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[\w !#$&^.+/:-]*"))*$/

const isMediaType = (text: string): boolean => text.length <= CHARS_MAX && SHAPE.test(text)

/** Of a file as it is served again: by its name, as most clients send no type; else what was sent. */
export function mediaTypeOf(filename: string, sent: string): string {
  const extension = /\.([a-z0-9]{1,5})$/i.exec(filename)?.[1]?.toLowerCase() ?? ''
  const known = Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined
  return known ?? (isMediaType(sent) ? sent : UNKNOWN)
}

/** @param param the client's field that holds it */
export function requireMediaType(text: string, param: string): string {
  if (isMediaType(text)) return text
  const shown = text.length > 100 ? `${text.slice(0, 100)}...` : text
  throw new Fault('invalid', `Invalid '${param}': '${shown}'. Expected a media type such as 'application/pdf'.`, { param, reason: 'value' })
}
