import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openVault } from '../../../src/drivers/vault/vault.ts'

const root = mkdtempSync(join(tmpdir(), 'tetraport-vault-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const newDir = () => join(root, `data-${folders++}`)

test('what was sealed opens for what it belongs to, and for nothing else', async () => {
  const vault = openVault({ key: null }, { dir: newDir() })
  const sealed = await vault.seal('sk-geheim ✓', 'run a')
  expect(sealed).not.toContain('geheim')
  expect(await vault.open(sealed, 'run a')).toBe('sk-geheim ✓')
  expect(await vault.open(sealed, 'run b')).toBeUndefined()
})

test('the same text looks different each time, and a changed one does not open', async () => {
  const vault = openVault({ key: 'a key of the operator' }, { dir: newDir() })
  const [first, second] = [await vault.seal('text', 'x'), await vault.seal('text', 'x')]
  expect(first).not.toBe(second)
  const last = first.at(-3) === 'A' ? 'B' : 'A'
  for (const broken of [`${first.slice(0, -3)}${last}${first.slice(-2)}`, 'v1.', 'v2.AAAA', '', first.slice(0, 20)])
    expect(await vault.open(broken, 'x')).toBeUndefined()
})

test('a server of the same folder, or with the same stated key, opens it; another does not', async () => {
  const dir = newDir()
  const sealed = await openVault({ key: null }, { dir }).seal('text', 'x')
  expect(await openVault({ key: null }, { dir }).open(sealed, 'x')).toBe('text')
  expect(await openVault({ key: null }, { dir: newDir() }).open(sealed, 'x')).toBeUndefined()
  const stated = await openVault({ key: 'one' }, { dir: newDir() }).seal('text', 'x')
  expect(await openVault({ key: 'one' }, { dir: newDir() }).open(stated, 'x')).toBe('text')
  expect(await openVault({ key: 'two' }, { dir: newDir() }).open(stated, 'x')).toBeUndefined()
})

test('processes that begin at once agree on one key, which only its owner may read', async () => {
  const dir = newDir()
  const vaults = Array.from({ length: 8 }, () => openVault({ key: null }, { dir }))
  const sealed = await Promise.all(vaults.map((vault) => vault.seal('text', 'x')))
  for (const text of sealed) expect(await vaults[0]?.open(text, 'x')).toBe('text')
  expect(readdirSync(dir)).toEqual(['secret.key'])
  expect(statSync(join(dir, 'secret.key')).mode & 0o777).toBe(0o600)
})

test('a stated key makes no file, and a file that is no key is not taken for one', async () => {
  const dir = newDir()
  await openVault({ key: 'one' }, { dir }).seal('text', 'x')
  expect(() => readdirSync(dir)).toThrow()
  writeFileSync(join(root, 'secret.key'), 'short')
  await expect(openVault({ key: null }, { dir: root }).seal('text', 'x')).rejects.toThrow('too short to be a key')
})
