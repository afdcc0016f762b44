import { expect, test } from 'bun:test'
import { packCharacterMaps } from '../../scripts/build/character-maps.ts'
import { mapIn, readCharacterMap, unpackMaps } from '../../src/drivers/extraction/documents/character-maps.ts'

test('the executable carries the character maps of the package', async () => {
  const pack = unpackMaps(packCharacterMaps())
  const names = Object.keys(pack.index)
  expect(names.length).toBeGreaterThan(150)
  for (const name of [names[0] ?? '', 'UniJIS-UTF16-H.bcmap', names.at(-1) ?? ''])
    expect(mapIn(pack, name)).toEqual(await readCharacterMap(name))
  expect(() => mapIn(pack, 'constructor')).toThrow('No such character map.')
})
