import type { Archive } from './archive.ts'
import { attribute, readMarkup } from './markup.ts'
import { unsupported } from './refusal.ts'
import type { TextSink } from './sink.ts'

export type OfficeType = 'docx' | 'pptx' | 'xlsx'

export interface OfficeDocument {
  type: OfficeType
  archive: Archive
  /** Name of the part that everything else is found from. */
  main: string
}

interface Relationship {
  /** Last word of its type: `slide`, `notesSlide`, `sharedStrings`. */
  kind: string
  /** Name of a part. */
  target: string
}

const RELATIONSHIPS_MAX = 100_000
const silent: Pick<TextSink, 'flush'> = { flush: async () => undefined }

/** Where `target`, as a part's relationships name it, lies in the archive. It is only a key: `..` leads nowhere else. */
function resolve(part: string, target: string): string {
  const names = target.startsWith('/') ? [] : part.split('/').slice(0, -1)
  for (const name of target.split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return names.join('/')
}

/** What a part refers to inside the archive, by the id it uses for it. */
export async function readRelationships(archive: Archive, part: string): Promise<Map<string, Relationship>> {
  const slash = part.lastIndexOf('/') + 1
  const name = `${part.slice(0, slash)}_rels/${part.slice(slash)}.rels`
  const found = new Map<string, Relationship>()
  if (!archive.has(name)) return found
  const reader = {
    open(tag: string, attributes: Readonly<Record<string, string>>): void {
      const { Id, Type, Target, TargetMode } = attributes
      if (tag !== 'Relationship' || Id === undefined || Target === undefined || TargetMode === 'External') return
      if (found.size < RELATIONSHIPS_MAX) found.set(Id, { kind: Type?.split('/').at(-1) ?? '', target: resolve(part, Target) })
    },
  }
  await readMarkup(archive.read(name), reader, silent)
  return found
}

/** The parts of one kind that `part` refers to, in the order of their relationships. */
export async function partsOf(archive: Archive, part: string, kind: string): Promise<string[]> {
  const relationships = await readRelationships(archive, part)
  return [...relationships.values()].filter((found) => found.kind === kind && archive.has(found.target)).map(({ target }) => target)
}

const FOLDERS: [folder: string, type: OfficeType, main: string][] = [
  ['word/', 'docx', 'word/document.xml'],
  ['ppt/', 'pptx', 'ppt/presentation.xml'],
  ['xl/', 'xlsx', 'xl/workbook.xml'],
]

/** Undefined where the archive is none of Office's. */
export async function findOfficeDocument(archive: Archive): Promise<OfficeDocument | undefined> {
  if (!archive.has('[Content_Types].xml')) return undefined
  const [named] = await partsOf(archive, '', 'officeDocument')
  const main = named ?? FOLDERS.map(([, , name]) => name).find((name) => archive.has(name))
  if (main === undefined) return undefined
  const type = typeFrom(await contentTypeOf(archive, main)) ?? FOLDERS.find(([folder]) => main.toLowerCase().startsWith(folder))?.[1]
  return type && { type, archive, main }
}

async function contentTypeOf(archive: Archive, part: string): Promise<string> {
  let type = ''
  const wanted = `/${part}`.toLowerCase()
  const reader = {
    open(tag: string, attributes: Readonly<Record<string, string>>): void {
      if (tag === 'Override' && attribute(attributes, 'PartName')?.toLowerCase() === wanted)
        type = attribute(attributes, 'ContentType') ?? ''
    },
  }
  await readMarkup(archive.read('[Content_Types].xml'), reader, silent)
  return type
}

function typeFrom(contentType: string): OfficeType | undefined {
  if (/ms-excel\.sheet\.binary/i.test(contentType)) throw unsupported('a binary Excel workbook (.xlsb)')
  if (contentType.includes('wordprocessingml') || contentType.includes('ms-word')) return 'docx'
  if (contentType.includes('presentationml') || contentType.includes('ms-powerpoint')) return 'pptx'
  if (contentType.includes('spreadsheetml') || contentType.includes('ms-excel')) return 'xlsx'
  return undefined
}
