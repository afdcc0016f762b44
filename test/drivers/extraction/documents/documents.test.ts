import { describe, expect, test } from 'bun:test'
import { formatNumber, formatOf } from '../../../../src/drivers/extraction/documents/cell-format.ts'
import { readCharacterMap } from '../../../../src/drivers/extraction/documents/character-maps.ts'
import { decoded, detectEncoding } from '../../../../src/drivers/extraction/documents/encoding.ts'
import { Flow } from '../../../../src/drivers/extraction/documents/flow.ts'
import { readMarkup } from '../../../../src/drivers/extraction/documents/markup.ts'
import { type PdfLine, pageText } from '../../../../src/drivers/extraction/documents/pdf-lines.ts'
import type { Source } from '../../../../src/drivers/extraction/documents/sink.ts'
import { TableText } from '../../../../src/drivers/extraction/documents/table.ts'
import { hintedType, isJson, textType } from '../../../../src/drivers/extraction/documents/text-type.ts'

const sourceOf = (bytes: Uint8Array): Source => ({
  path: '',
  size: bytes.length,
  read: async (start, length) => bytes.subarray(start, start + length),
  async *stream() {
    // In odd pieces: a letter may lie across two of them.
    for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7)
  },
})

async function textOf(bytes: Uint8Array): Promise<string> {
  const source = sourceOf(bytes)
  let text = ''
  for await (const piece of decoded(source, await detectEncoding(source))) text += piece
  return text
}

describe('the encoding of a text', () => {
  const german = 'Die Größe der Straße ändert sich über die Jahre; für Käufer heißt das: früher prüfen, später zahlen. '
  const russian = 'Это предложение написано на русском языке, и в нём достаточно букв, чтобы узнать кодировку. '
  const japanese = 'この文書は日本語で書かれています。符号化方式を調べるために、十分な長さがあります。'
  const chinese = '这是一个用中文写的句子，编码是国家标准。为了识别编码，句子要足够长。'
  const korean = '이 문장은 한국어로 쓰여 있습니다. 인코딩을 알아낼 수 있을 만큼 충분히 깁니다.'
  test.each<[string, Uint8Array, string]>([
    ['UTF-8', Buffer.from(german), german],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${german}`), german],
    ['UTF-16 with a mark', Buffer.from(`\ufeff${russian}`, 'utf16le'), russian],
    ['UTF-16 without a mark', Buffer.from(german, 'utf16le'), german],
    ['UTF-16 of the other order', Buffer.from(`\ufeff${russian}`, 'utf16le').swap16(), russian],
    ['windows-1252', Buffer.from(german.repeat(3), 'latin1'), german.repeat(3)],
    ['KOI8-R', encoded(russian.repeat(2), 'koi8-r'), russian.repeat(2)],
    [
      'windows-1251 that a page declares',
      Buffer.concat([Buffer.from('<meta charset="windows-1251">'), encoded('Привет', 'windows-1251')]),
      '<meta charset="windows-1251">Привет',
    ],
    ['Shift_JIS', encoded(japanese, 'shift_jis'), japanese],
    ['GB18030', encoded(chinese, 'gb18030'), chinese],
    ['EUC-KR', encoded(korean, 'euc-kr'), korean],
  ])('%s', async (_, bytes, text) => {
    expect(await textOf(bytes)).toBe(text)
  })

  test('a few broken bytes do not make UTF-8 another encoding', async () => {
    const bytes = Buffer.concat([Buffer.from(russian.repeat(5)), Buffer.from([0xff]), Buffer.from(russian)])
    expect(await textOf(bytes)).toBe(`${russian.repeat(5)}\ufffd${russian}`)
  })
})

/** Text in an encoding that only decoders exist for: found by decoding every byte and every pair. */
function encoded(text: string, encoding: Bun.Encoding): Uint8Array {
  const decoder = new TextDecoder(encoding)
  const codes = new Map<string, number[]>()
  for (let first = 255; first >= 0; first--) {
    for (let second = 255; first > 127 && second > 63; second--) codes.set(decoder.decode(new Uint8Array([first, second])), [first, second])
  }
  for (let byte = 0; byte < 256; byte++) codes.set(decoder.decode(new Uint8Array([byte])), [byte])
  return Uint8Array.from([...text].flatMap((letter) => codes.get(letter) ?? [63]))
}

describe('the type of a text', () => {
  test('is what its name or media type says, where its content can be that', () => {
    expect(hintedType('a/b/README.MD', '')).toBe('markdown')
    expect(hintedType('main.rs', 'text/plain')).toBe('code')
    expect(hintedType('Dockerfile', '')).toBe('code')
    expect(hintedType('file', 'application/json; charset=utf-8')).toBe('json')
    expect(hintedType('file.unknown', '')).toBeUndefined()
    expect(hintedType('constructor', '__proto__')).toBeUndefined()
    expect(hintedType('', 'constructor')).toBeUndefined()
    expect(textType('just words', 'html')).toBe('text')
    expect(textType('<!-- a --><!-- b -->\n<!DOCTYPE html><p>', undefined)).toBe('html')
    expect(textType('<?php ?><html>', 'code')).toBe('code')
    expect(textType('not json', 'json')).toBe('text')
  })

  test('is JSON only where all of it is', () => {
    expect(isJson('[1, 2]')).toBe(true)
    expect(isJson('[1, 2] and more')).toBe(false)
    expect(isJson('['.repeat(1_000_000))).toBe(false)
  })
})

describe('numbers of a spreadsheet', () => {
  test.each([
    ['45747', 'yyyy-mm-dd', '2025-03-31'],
    ['45747.75', '[$-407]d. mmmm yyyy h:mm', '2025-03-31 18:00:00'],
    ['0.75', 'hh:mm', '18:00:00'],
    ['0.125', '0.0%', '12.5%'],
    ['0.30000000000000004', '#,##0.00 "days"', '0.3'],
    ['12', '0.00\\d', '12'],
    ['1e300', 'yyyy', '1e+300'],
    ['text', 'yyyy', 'text'],
  ])('%s as %s is %s', (value, code, shown) => {
    expect(formatNumber(value, formatOf(200, code), false)).toBe(shown)
  })

  test('built-in formats and the calendar of old Macs are known', () => {
    expect(formatNumber('45747', formatOf(14, undefined), false)).toBe('2025-03-31')
    expect(formatNumber('44285', formatOf(14, undefined), true)).toBe('2025-03-31')
    expect(formatNumber('0.5', formatOf(9, undefined), false)).toBe('50%')
    expect(formatNumber('7', formatOf(0, undefined), false)).toBe('7')
  })
})

describe('tables', () => {
  const linesOf = (rows: string[][], header: 'guess' | 'marked', marked = false): string => {
    let text = ''
    const write = (line: string): void => {
      text += line
    }
    const table = new TableText(write, { header })
    for (const [i, row] of rows.entries()) table.row(row.entries(), marked && i === 0)
    return text
  }
  test('a first row of names is the header', () => {
    expect(
      linesOf(
        [
          ['Name', 'Price'],
          ['Bike', '450'],
          ['', '12'],
        ],
        'guess',
      ),
    ).toBe('Name | Price\nName: Bike; Price: 450\nPrice: 12\n')
  })
  test('a first row of values is not', () => {
    expect(
      linesOf(
        [
          ['Bike', '450 €'],
          ['Lamp', '12'],
        ],
        'guess',
      ),
    ).toBe('Bike | 450 €\nLamp | 12\n')
  })
  test('a title above the header is a line of its own', () => {
    expect(linesOf([['Prices of May'], ['Name', 'Price'], ['Bike', '450']], 'guess')).toBe(
      'Prices of May\nName | Price\nName: Bike; Price: 450\n',
    )
  })
  test('in a document only a row that is marked is the header', () => {
    const rows = [
      ['Name', 'Otto'],
      ['Place', 'Berlin'],
    ]
    expect(linesOf(rows, 'marked')).toBe('Name | Otto\nPlace | Berlin\n')
    expect(linesOf(rows, 'marked', true)).toBe('Name | Otto\nName: Place; Otto: Berlin\n')
  })
})

describe('lines of a page', () => {
  const line = (text: string, y: number, x = 50, width = text.length * 5): PdfLine => ({ text, x, y, width, height: 10 })
  test('two columns are read one after the other, as the file has them', () => {
    const page = [line('left one', 700), line('left two', 688), line('right one', 700, 300), line('right two', 688, 300)]
    expect(pageText(page)).toBe('left one\nleft two\n\nright one\nright two')
  })
  test('what lies in no order is read from top to bottom', () => {
    const page = [line('four', 664), line('one', 700), line('three', 676), line('two', 688)]
    expect(pageText(page)).toBe('one\ntwo\nthree\nfour')
  })
  test('wrapped Japanese lines are joined without a space', () => {
    const page = [line('これは長い日本語の行です、次の行', 700), line('へ続きます。', 688)]
    expect(pageText(page)).toBe('これは長い日本語の行です、次の行へ続きます。')
  })
  test('points of a list stay on lines of their own', () => {
    const page = [line('• a point that is as long as a line can be', 700), line('• and the next point below it, long as well', 688)]
    expect(pageText(page)).toBe('• a point that is as long as a line can be\n• and the next point below it, long as well')
  })
})

describe('running text', () => {
  test('white space collapses across pieces, lines and paragraphs stay', () => {
    let text = ''
    const flow = new Flow((piece) => {
      text += piece
    })
    flow.text('  one ')
    flow.text(' two')
    flow.line()
    flow.mark('- ')
    flow.text('three')
    flow.paragraph()
    flow.line()
    flow.text('four')
    expect(text).toBe('one two\n- three\n\nfour')
  })
})

describe('XML', () => {
  const namesIn = async (xml: string | Uint8Array): Promise<string> => {
    const names: string[] = []
    async function* content(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(xml as string)
    }
    await readMarkup(content(), { open: (name) => names.push(name), text: (text) => names.push(text) }, { flush: async () => undefined })
    return names.join(' ')
  }
  test('is read without prefixes, in any Unicode encoding', async () => {
    expect(await namesIn('<w:a><b>x &amp; y</b></w:a>')).toBe('a b x  &  y')
    expect(await namesIn(Buffer.from('\ufeff<a>ü</a>', 'utf16le'))).toBe('a ü')
  })
  test.each([
    ['that declares entities', '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'],
    ['that ends in the middle', '<a><b>text</b>'],
    ['nested too deeply', '<a>'.repeat(300) + '</a>'.repeat(300)],
    ['without an element', 'text'],
  ])('%s is refused', async (_, xml) => {
    expect(namesIn(xml)).rejects.toThrow('The file is broken')
  })
})

test('a character map is found by its name and nothing else is', async () => {
  expect((await readCharacterMap('UniJIS-UTF16-H.bcmap')).length).toBeGreaterThan(1000)
  expect(readCharacterMap('../package.json')).rejects.toThrow('No such character map.')
})
