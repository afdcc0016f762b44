import type { Config } from '../../config.ts'
import { Fault } from '../../core/fault.ts'
import type { Log } from '../../core/needs.ts'
import type { Extraction } from './port.ts'

export interface ExtractionParts {
  /** Folder for what a document is while it is read; emptied at start. */
  dir: string
  log: Log
}

export function openExtraction(_config: Config['ingest'], _parts: ExtractionParts): Extraction {
  return {
    extract: () => Promise.reject(new Fault('unsupported', 'Extraction is not supported by this server yet.')),
    close: async () => {},
  }
}
