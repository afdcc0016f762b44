import type { ExtractionProblem } from '../port.ts'

/** What keeps a document from being read; the message is for whoever uploaded it. */
export class Refusal extends Error {
  constructor(
    readonly problem: ExtractionProblem,
    message: string,
  ) {
    super(message)
  }
}

export const invalid = (message: string): Refusal => new Refusal('invalid_file', message)
export const unsupported = (what: string): Refusal =>
  new Refusal(
    'unsupported_file',
    `The file is ${what}. Supported are text, Markdown, HTML, CSV, JSON, source code, PDF, DOCX, PPTX and XLSX.`,
  )
