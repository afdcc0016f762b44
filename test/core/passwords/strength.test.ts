import { describe, expect, test } from 'bun:test'
import { dictionary as anyLanguage } from '@zxcvbn-ts/language-common'
import { requirePassword } from '../../../src/core/passwords/policy.ts'
import { strengthOf } from '../../../src/core/passwords/strength.ts'

const ABOUT = { email: 'margaret.hamilton@example.org', names: ['Margaret Hamilton', 'acme-corp', 'Acme Corp'] }

const isTaken = (password: string, about = ABOUT): Promise<boolean> =>
  requirePassword(password, about).then(
    () => true,
    () => false,
  )

/** Known as bad; all of them have length and classes enough. */
const WEAK = {
  repeated: [
    'password password',
    'Password1234Password1234',
    'Password-Password-1',
    'drowssap drowssap',
    'P4ssw0rd P4ssw0rd',
    'letmein letmein',
    'admin admin admin',
    'Welcome1Welcome1',
    'hello world hello',
    'my password is password',
    'abc123abc123abc123',
    'Passwort1234Passwort1234',
    'hallo hallo hallo',
    'bonjour bonjour',
    'p-a-s-s-w-o-r-d-1-2-3',
  ],
  decorated: [
    'companyname2026!!',
    'Summer2026!!!!',
    'Winter2025!Winter2025!',
    'Welcome2026!!!!',
    'P@ssw0rd2026!!!',
    'MyPassword2026!',
    'Football2026!!!',
    'January2026!!!!',
    'Sommer2026!!!!',
    'Passwort123456!',
    'motdepasse12345',
    'Michael1985Michael',
    'Berlin2026Berlin',
    'HelloWorld12345',
    'ChangeMe12345678',
    'Administrator1!',
    'Ilovemymother12',
  ],
  'common words': [
    'let me in please',
    'this is my password',
    'superman batman 1',
    'admin password 1',
    'football baseball',
    'Summer Winter 2026',
  ],
  keyboard: ['1q2w3e4r5t6y7u8i', 'zaq12wsxcde34rfv', 'qwer1234asdf5678', 'azertyuiop1234', 'Qwertyuiop1234!'],
  'of person, tenant and product': [
    'Margaret2026!!!!',
    'Hamilton1969!!!!',
    'MargaretHamilton1',
    'example.org2026!',
    'acme-corp-2026!!',
    'AcmeCorp2026!!!!',
    'Acme Corp 2026!!',
    'Tetraport2026!!',
    'tetraport tetraport',
    'Tetraport-Password1',
  ],
  'in another spelling': ['ｐａｓｓｗｏｒｄ ｐａｓｓｗｏｒｄ', 'password\u200bpassword'],
}

const GOOD = {
  random: [
    'vKq7#mZp2!tRw9',
    'tR4!kLz9@wQe7x',
    'Xw3&nB7*hD1+sM',
    'hG5kP9zR2mW7xC',
    '@L+P-8#X#qFoa?',
    '2s(1v%^6O~aTo^',
    'g2021sizvei0f9',
    'cde1925c866f16',
    '0097313941e2ff34',
    'q7w-e9r-t2y-u4i-x',
  ],
  words: [
    'correct horse battery staple',
    'velvet cactus orbit lantern',
    'winter potato bridge monkey',
    'copper-anchor-plum-violin',
    'ladder.puzzle.harvest.blanket',
    'bounding abridge consensus avenue',
    'unicorn-tractor-biscuit-fog',
    'tangerine dream elevator 9',
    'Jk8-sunny-gate-12',
    'my cat hates wet mondays',
    'we drank cold tea in Lisbon',
    '7 geese crossed Elm Street',
  ],
  'of other languages': [
    'große Füße über Äcker',
    'Der alte Mann fischt nachts',
    'drei Zwerge tragen Kisten',
    'Kaffee am Fenster im Regen',
    'Schrank Wolke Besen Tinte',
    'grüner Himmel über Leipzig',
    'le chat gris dort dehors',
    'trois pommes sur la table',
    'la pluie tombe sur Nantes',
    'mon vélo rouge est cassé',
    'el perro verde come arroz',
    'piano ruota sasso nebbia',
    'дождь над старым городом',
    '山の上に 古い時計が 三つある',
  ],
}

for (const [kind, passwords] of Object.entries(WEAK))
  describe(`a weak password is refused: ${kind}`, () => {
    for (const password of passwords)
      test(JSON.stringify(password), async () => {
        expect(await isTaken(password)).toBe(false)
      })
  })

for (const [kind, passwords] of Object.entries(GOOD))
  describe(`a good password is taken: ${kind}`, () => {
    for (const password of passwords)
      test(password, async () => {
        expect(await isTaken(password)).toBe(true)
      })
  })

test('what the tenant is called counts only for who is of it', async () => {
  const password = 'Xanthippe-Quy-2026'
  const email = 'ann@example.org'
  expect(await isTaken(password, { email, names: [] })).toBe(true)
  expect(await isTaken(password, { email, names: ['Xanthippe Quy'] })).toBe(false)
})

/** As good as random, and the same in every run. */
function* numbers(seed: string): Generator<number> {
  for (let n = 0; ; n++) yield Number(Bun.hash(`${seed} ${n}`) % 1_000_003n)
}

test('random text of the least length, and four words of a list, are taken whatever comes out', () => {
  const source = numbers('strength')
  const pick = <T>(from: readonly T[], count: number): T[] =>
    Array.from({ length: count }, () => from[source.next().value % from.length] as T)
  const printable = Array.from({ length: 94 }, (_, n) => String.fromCharCode(33 + n))
  const words = anyLanguage['diceware-common'] as string[]
  for (let n = 0; n < 100; n++)
    for (const password of [
      pick(printable, 14).join(''),
      pick([...'abcdefghijklmnopqrstuvwxyz0123456789'], 14).join(''),
      pick(words, 4).join(' '),
    ])
      expect([password, strengthOf({ password, hints: [] }).guessesLog10 > 10.5]).toEqual([password, true])
})

test('the longest passwords take no longer than others', () => {
  for (const pattern of ['4@1!|$5073', '4@1 !|$50 73', '$a4@', 'aA@4 ', 's5$z2', 'password ']) {
    const began = performance.now()
    strengthOf({ password: pattern.repeat(256).slice(0, 256), hints: [] })
    // Some 0.1 s; four times as long a text as is looked at would take more than that twenty times.
    expect(performance.now() - began).toBeLessThan(1_500)
  }
})
