import { readConfig } from '../../src/config.ts'
import { openExtraction } from '../../src/drivers/extraction/extraction.ts'
import { hostileDocuments } from './documents/hostile.ts'

/** A process that has a document read which takes for ever, until it is killed. Its argument is a folder. */
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const extraction = openExtraction({ ...readConfig({}).config.ingest, timeoutMs: 600_000 }, { dir: process.argv[2] ?? '', log: silent })
const endless = hostileDocuments()
  .find((document) => document.name === 'PDF with states saved a million deep')
  ?.content()
await extraction.extract({
  content: new Blob([endless ?? '']).stream(),
  filename: 'endless.pdf',
  mediaType: '',
  chunking: { tokensMax: 800, overlapTokens: 400 },
})
