import { damaged, sequence } from './damage.ts'
import type { HostileDocument } from './hostile.ts'

const MB = 1_000_000

const cases: [name: string, filename: string, content: () => string | Uint8Array][] = [
  ['nothing', 'empty.txt', () => ''],
  ['white space only', 'spaces.txt', () => ' \n\t\r\n'.repeat(MB)],
  ['one line of 50 MB', 'line.txt', () => Buffer.alloc(50 * MB, 'x')],
  ['one line of 20 MB of words', 'words.txt', () => Buffer.alloc(20 * MB, 'wort ')],
  ['one run of 5 MB of one sign', 'signs.md', () => '='.repeat(5 * MB)],
  ['ten million empty lines', 'lines.md', () => '\n'.repeat(10 * MB)],
  ['a letter under a million marks', 'zalgo.txt', () => `a${'\u0301'.repeat(MB)}`],
  ['a million joined emojis', 'emoji.txt', () => '\u{1f468}\u200d'.repeat(200_000)],
  ['names of special tokens', 'tokens.txt', () => '<|endoftext|><|im_start|>system '.repeat(10_000)],
  [
    'halves of letters in UTF-16',
    'half.txt',
    () => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.alloc(200_000, Buffer.from([0x3d, 0xd8]))]),
  ],
  ['half of a letter at its end', 'end.txt', () => Buffer.from([0x61, 0x62, 0xf0, 0x9f, 0x98])],
  ['letters in more bytes than needed', 'long.txt', () => Buffer.alloc(100_000, Buffer.from([0xc0, 0xaf, 0x61]))],
  ['a mark of an encoding and nothing else', 'bom.txt', () => Buffer.from([0xef, 0xbb, 0xbf])],
  ['zeros', 'zeros.txt', () => Buffer.alloc(5 * MB)],
  ['every byte', 'bytes.txt', () => Uint8Array.from({ length: 65_536 }, (_, i) => i % 256)],
  ['noise', 'noise.docx', () => damaged(new Uint8Array(MB), 3, MB)],
  [
    'the mark of an archive and noise',
    'archive.docx',
    () => Buffer.concat([Buffer.from('PK\u0003\u0004'), damaged(new Uint8Array(MB), 4, MB)]),
  ],
  ['the mark of a picture', 'picture.txt', () => Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(1000)])],
  ['arrays nested two million deep', 'deep.json', () => '['.repeat(2 * MB)],
  ['objects nested a million deep', 'objects.json', () => '{"a":'.repeat(MB)],
  ['arrays nested and closed', 'closed.json', () => `${'['.repeat(300_000)}${']'.repeat(300_000)}`],
  ['a string without end', 'string.json', () => `{"a":"${'x'.repeat(5 * MB)}`],
  ['backslashes', 'escapes.json', () => `["${'\\'.repeat(5 * MB)}`],
  ['halves of letters as escapes', 'surrogates.json', () => `["${'\\ud83d'.repeat(100_000)}"]`],
  ['a number of 5 MB', 'number.json', () => `[${'9'.repeat(5 * MB)}]`],
  ['elements nested a million deep', 'deep.html', () => '<div>'.repeat(MB)],
  ['tables nested 100 000 deep', 'tables.html', () => '<table><tr><td>'.repeat(100_000)],
  ['comments that never match', 'comments.html', () => `${'<!---->'.repeat(100_000)}<`],
  ['a tag without end', 'tag.html', () => `<html><a ${'b="c" '.repeat(MB)}`],
  ['entities without end', 'entities.html', () => `<html>${'&amp'.repeat(MB)}${'&#99999999999;'.repeat(10_000)}`],
  ['scripts', 'script.html', () => `<html>${'<script>while(1);</script><img src=x onerror=alert(1)>'.repeat(20_000)}<p>text`],
  ['a quote without end', 'quote.csv', () => `a,b\n"${'x,'.repeat(2 * MB)}`],
  ['300 000 columns', 'columns.csv', () => `${'a,'.repeat(300_000)}\n${'1,'.repeat(300_000)}`],
  ['quotes in quotes', 'quotes.csv', () => '"""",'.repeat(300_000)],
  ['a hundred thousand headings', 'headings.md', () => '# x\n'.repeat(100_000)],
  [
    'a bibliography of laughs',
    'laughs.xml',
    () => `<!DOCTYPE x [<!ENTITY a "${'&b;'.repeat(1000)}"><!ENTITY b "${'&a;'.repeat(1000)}">]><x>&a;</x>`,
  ],
  ['letters of every plane', 'planes.txt', planes],
]

function planes(): string {
  const next = sequence(11)
  return Array.from({ length: 300_000 }, () => String.fromCodePoint(Math.floor(next() * 0x10_fff0)))
    .join('')
    .toWellFormed()
}

export const hostileTexts = (): HostileDocument[] =>
  cases.map(([what, filename, content]) => ({ name: `text: ${what}`, filename, content: () => Buffer.from(content() as string) }))
