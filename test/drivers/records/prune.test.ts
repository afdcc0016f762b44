import { expect, test } from 'bun:test'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { currentPlatform, findNativePackage } from '../../../src/drivers/records/platform.ts'
import { copyServer, linkLibraries } from '../../../src/drivers/records/prune.ts'
import { temporaryFolder } from '../../support/postgres.ts'

test('the copied server has its libraries under the names it loads them by, and no client programs', () => {
  const folder = temporaryFolder()
  const native = findNativePackage(currentPlatform(), import.meta.dir)
  copyServer(native.dir, folder)
  linkLibraries(folder)
  expect(readdirSync(join(folder, 'bin')).sort()).toEqual(['initdb', 'postgres'])
  if (process.platform === 'linux') expect(existsSync(join(folder, 'lib/libpq.so.5'))).toBe(true)
  expect(readdirSync(join(folder, 'share/postgresql/extension')).some((name) => name.startsWith('pg_trgm--'))).toBe(true)
  rmSync(folder, { recursive: true })
})
