import { expect, test } from 'bun:test'
import { kernelModule, MODULE } from '../../scripts/scan-kernel.ts'

test('the scan kernel that is carried is the compiled text beside it', async () => {
  expect(await kernelModule()).toBe(await Bun.file(MODULE).text())
})
