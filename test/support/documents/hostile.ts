import { hostileArchives } from './hostile-archives.ts'
import { hostileNames } from './hostile-names.ts'
import { hostilePdfs } from './hostile-pdfs.ts'
import { hostileTexts } from './hostile-texts.ts'

export interface HostileDocument {
  /** What is wrong with it; unique. */
  name: string
  /** The name it is uploaded under. */
  filename: string
  /** Made when asked for: some are large. The same bytes every time. */
  content(): Uint8Array
}

/** Some 300 documents that no program should have written: names, archives, XML, PDFs and texts made to do harm. */
export const hostileDocuments = (): HostileDocument[] => [...hostileNames(), ...hostileArchives(), ...hostilePdfs(), ...hostileTexts()]
