import { join } from 'node:path'
import { systemClock } from '../app.ts'
import { maskUrl } from '../config/describe.ts'
import type { Config } from '../config.ts'
import { type Finding, quiet } from './doctor-checks.ts'

/** Where files are kept, if that is not the data folder. */
export async function* fileStore({ files, data }: Config): AsyncGenerator<Finding> {
  if (files.s3Bucket === null) return
  const where = `bucket ${files.s3Bucket} at ${files.s3Endpoint === null ? "Amazon's S3" : maskUrl(files.s3Endpoint)}`
  const { openFiles } = await import('../drivers/files/files.ts')
  const store = openFiles(files, { dir: join(data.dir, 'files'), log: quiet, clock: systemClock })
  try {
    await store.check()
    yield { check: 'files', state: 'ok', found: `${where} answers` }
  } catch (error) {
    const hint = 'check the settings files.s3_* and that the bucket is there'
    yield { check: 'files', state: 'fail', found: `${where}: ${(error as Error).message}`, hint }
  } finally {
    await store.close()
  }
}

/** The vectors server, if there is one; pgvector is looked for when the server starts. */
export async function* vectorServer({ vectors: { adapter, qdrantUrl: url, qdrantApiKey: apiKey } }: Config): AsyncGenerator<Finding> {
  if (adapter !== 'qdrant' || url === null) return
  const where = `Qdrant at ${maskUrl(url)}`
  const { QdrantVectors } = await import('../drivers/vectors/qdrant.ts')
  const server = new QdrantVectors({ url, apiKey, log: quiet })
  try {
    await server.check()
    yield { check: 'vectors', state: 'ok', found: `${where} answers` }
  } catch (error) {
    yield { check: 'vectors', state: 'fail', found: `${where}: ${(error as Error).message}`, hint: 'check QDRANT_URL and its key' }
  } finally {
    await server.close()
  }
}

/** Where mail goes, if it does not stay here: connects and signs in, and sends nothing. */
export async function* mailServer({ mail, http }: Config): AsyncGenerator<Finding> {
  if (mail.smtpUrl === null) return
  const where = `mail server ${maskUrl(mail.smtpUrl)}`
  const { openMail } = await import('../drivers/mail/mail.ts')
  const server = openMail(mail, { log: quiet, publicUrl: http.publicUrl })
  try {
    await server.check()
    if (server.domain !== 'localhost') yield { check: 'mail', state: 'ok', found: `${where} answers` }
    else
      yield { check: 'mail', state: 'warn', found: `${where} answers`, hint: 'set mail.from: few take mail from an address at localhost' }
  } catch (error) {
    yield { check: 'mail', state: 'fail', found: `${where}: ${(error as Error).message}`, hint: 'check mail.smtp_url (SMTP_URL)' }
  } finally {
    await server.close()
  }
}
