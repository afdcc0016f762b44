import { existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../../../src/config.ts'
import type { Caller } from '../../../src/core/caller.ts'
import { createFile, type NewFile, receiveContent, type StoredFile } from '../../../src/core/files/files.ts'
import { sweepObjects, type WrittenObject } from '../../../src/core/files/objects.ts'
import { openFiles } from '../../../src/drivers/files/files.ts'
import { openTestApp, type TestApp, type TestAppOptions } from '../../support/app.ts'
import { FaultyFiles } from '../../support/faulty-files.ts'

/** A test app whose file store lies in a folder that the test can look into. */
export interface Store {
  app: TestApp & { files: FaultyFiles }
  /** Names of the files in the store's folder. */
  onDisk(): string[]
  /** States of all object rows, by id. */
  states(): Promise<Record<string, string>>
  /** Sweeps as long as there is something due, each time a little later. */
  sweepAll(): Promise<void>
  close(): Promise<void>
}

const HOUR_MS = 3_600_000

export async function openStore(options: TestAppOptions = {}): Promise<Store> {
  const dir = mkdtempSync(join(tmpdir(), 'tetraport-files-'))
  const opened = await openTestApp(options)
  const inner = openFiles(readConfig({}).config.files, { dir, log: opened.log, clock: opened.clock })
  const app = { ...opened, files: new FaultyFiles(inner) }
  return {
    app,
    onDisk: () =>
      existsSync(dir)
        ? readdirSync(dir, { recursive: true, withFileTypes: true })
            .filter((entry) => entry.isFile())
            .map((entry) => entry.name)
        : [],
    async states() {
      const rows = await app.records.db.query<{ id: string; state: string }>('select id, state from file_object order by id')
      return Object.fromEntries(rows.map(({ id, state }) => [id, state]))
    },
    async sweepAll() {
      for (let i = 0; i < 4; i++) {
        app.clock.advance(HOUR_MS)
        await sweepObjects(app, 1000)
      }
    },
    async close() {
      await inner.close()
      await opened.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

export async function* chunksOf(...chunks: (string | Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    if (chunk instanceof Error) throw chunk
    yield typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk
  }
}

export const receive = (app: TestApp, caller: Caller, text: string): Promise<WrittenObject> =>
  receiveContent(app, caller, { filename: 'a.txt', source: chunksOf(text) })

export async function storeText(app: TestApp, caller: Caller, text: string, more: Partial<NewFile> = {}): Promise<StoredFile> {
  const object = await receive(app, caller, text)
  return createFile(app, caller, {
    object,
    filename: 'a.txt',
    purpose: 'assistants',
    mediaType: 'text/plain',
    expiresAfterS: null,
    ...more,
  })
}

export const textOf = (content: ReadableStream<Uint8Array>): Promise<string> => new Response(content).text()
