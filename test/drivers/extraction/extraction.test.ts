import { afterAll, describe, expect, test } from 'bun:test'
import { makeCompoundFile, makeDocx, makeEncryptedOffice, makePptx, makeXlsx } from '../../support/documents/office.ts'
import { makeEncryptedPdf, makePdf, makeScannedPdf } from '../../support/documents/pdf.ts'
import { makeZip } from '../../support/documents/zip.ts'
import { openReading } from '../../support/extraction.ts'

const reading = openReading()
afterAll(reading.close)

const LANGUAGES = [
  'Die Größe der Straße über dem Fluss.',
  'L’été dernier, nous avons dîné à Besançon.',
  'Привет, это предложение на русском языке.',
  'これは日本語で書かれた文章です。',
  '这是一个用中文写的句子。',
  'هذه جملة باللغة العربية',
]

describe('every kind of document, in every language', () => {
  const made: [type: string, content: (text: string) => Uint8Array | string][] = [
    ['text', (text) => text],
    ['markdown', (text) => `# Title\n\n${text}`],
    ['html', (text) => `<!doctype html><html><body><p>${text}</p></body></html>`],
    ['csv', (text) => `Number;Sentence\n1;"${text}"\n`],
    ['json', (text) => JSON.stringify([{ sentence: text }])],
    ['pdf', (text) => makePdf([text])],
    ['docx', (text) => makeDocx([text])],
    ['pptx', (text) => makePptx([{ title: text }])],
    [
      'xlsx',
      (text) =>
        makeXlsx([
          {
            name: 'Sheet',
            rows: [
              ['Number', 'Sentence'],
              [1, text],
            ],
          },
        ]),
    ],
  ]
  const endings: Record<string, string> = { text: 'txt', markdown: 'md' }
  test.each(made)('%s', async (type, content) => {
    for (const text of LANGUAGES) {
      const answer = await reading.read(content(text), { filename: `file.${endings[type] ?? type}` })
      if (!answer.ok) throw new Error(answer.message)
      expect(answer.type).toBe(type)
      expect(answer.chunks.map((chunk) => chunk.text).join('')).toContain(text)
    }
  })
})

describe('the structure of a document', () => {
  test('a Word document keeps headings, tables, footnotes and the header of its pages', async () => {
    const table = {
      table: [
        ['Product', 'Price'],
        ['Bike', '450 €'],
        ['Lamp', '12 €'],
      ],
    }
    const document = makeDocx([{ heading: 2, text: 'Prices' }, 'As of May.', table], { footnotes: ['Without tax.'], header: 'Wheels Ltd' })
    expect(await reading.text(document)).toBe(
      '## Prices\n\nAs of May.\n\nProduct | Price\nProduct: Bike; Price: 450 €\nProduct: Lamp; Price: 12 €\n\nWithout tax.\n\nWheels Ltd',
    )
  })

  test('slides come in the order they are shown, with notes and without page numbers', async () => {
    const slides = makePptx([{ title: 'First', paragraphs: ['a', 'b'], notes: 'Speak slowly.' }, { title: 'Second' }])
    expect(await reading.text(slides)).toBe('# Slide 1\n\nFirst\n\na\nb\n\nNotes:\nSpeak slowly.\n\n# Slide 2\n\nSecond')
  })

  test('a row of a spreadsheet is understood alone; dates and numbers are readable', async () => {
    const sheets = [
      {
        name: 'Orders',
        rows: [
          ['Customer', 'Sum', 'Paid on', 'Done'],
          ['Berg AG', 0.1 + 0.2, new Date('2026-03-31'), true],
        ],
      },
      { name: 'Empty', rows: [] },
    ]
    expect(await reading.text(makeXlsx(sheets))).toBe(
      '# Sheet: Orders\nCustomer | Sum | Paid on | Done\nCustomer: Berg AG; Sum: 0.3; Paid on: 2026-03-31; Done: TRUE',
    )
  })

  test('a long sheet tells its name again and again', async () => {
    const rows = Array.from({ length: 400 }, (_, i) => [`customer ${i}`, i])
    const answer = await reading.read(makeXlsx([{ name: 'Orders', rows: [['Customer', 'Sum'], ...rows] }]), {
      chunking: { tokensMax: 800, overlapTokens: 400 },
    })
    if (!answer.ok) throw new Error(answer.message)
    expect(answer.chunks.length).toBeGreaterThan(3)
    for (const { text } of answer.chunks) expect(text).toContain('# Sheet: Orders')
  })

  test('a PDF keeps its pages apart, joins wrapped lines and mends parted words', async () => {
    const long =
      'The delivery takes place within ten working days after the payment has arrived on the account of the com-\npany, as agreed.'
    expect(await reading.text(makePdf([`Terms\n\n${long}`, 'Second page']))).toBe(`Terms\n\n${long.replace('-\n', '')}\n\nSecond page`)
  })

  test('a PDF whose lines lie backwards in the file is read from top to bottom', async () => {
    expect(await reading.text(makePdf(['One\nTwo\nThree\nFour\nFive'], { backwards: true }))).toBe('One\nTwo\nThree\nFour\nFive')
  })

  test('a Japanese PDF without fonts is read by its character map', async () => {
    expect(await reading.text(makePdf(['日本語の文書'], { japanese: true }))).toBe('日本語の文書')
  })

  test('a page shows what a visitor reads', async () => {
    const page = `<html><head><title>Shop</title><style>p{}</style></head><body><script>track()</script><h1>Bikes</h1>
      <p>New   <b>bi</b>kes &amp; more.<br>Today.</p><ul><li>red<li>blue</ul><p hidden>secret</p>
      <table><tr><th>Model</th><th>Price</th></tr><tr><td>City</td><td>450 €</td></tr></table></body></html>`
    expect(await reading.text(page)).toBe(
      '# Shop\n\n# Bikes\n\nNew bikes & more.\nToday.\n\n- red\n- blue\n\nModel | Price\nModel: City; Price: 450 €',
    )
  })

  test('JSON keeps its numbers and shows its letters', async () => {
    expect(await reading.text('[{"id":12345678901234567890,"name":"M\\u00fcller \\ud83d\\ude00","tags":[1,2]},{"id":2}]')).toBe(
      '[\n {\n  "id": 12345678901234567890,\n  "name": "Müller 😀",\n  "tags": [1, 2]\n },\n\n {\n  "id": 2\n }\n]',
    )
  })

  test('source code stays as it is written', async () => {
    const code = '# not a heading\ndef f(x):\n    return x  \n\nprint(f(1))'
    const answer = await reading.read(code, { filename: 'a.py' })
    expect(answer).toMatchObject({ ok: true, type: 'code' })
    expect(await reading.text(code, { filename: 'a.py' })).toBe(code.replace('x  \n', 'x\n'))
  })
})

describe('what a file is', () => {
  test('is what it contains, whatever its name says', async () => {
    const typeOf = async (content: string | Uint8Array, filename: string, mediaType = '') => {
      const answer = await reading.read(content, { filename, mediaType })
      return answer.ok ? answer.type : answer.message
    }
    expect(await typeOf(makePdf(['text']), 'report.docx')).toBe('pdf')
    expect(await typeOf(makeDocx(['text']), 'report.pdf')).toBe('docx')
    expect(await typeOf(makeXlsx([{ name: 'A', rows: [['x']] }]), 'data.zip', 'application/zip')).toBe('xlsx')
    expect(await typeOf('only words', 'report.pdf', 'application/pdf')).toBe('text')
    expect(await typeOf('<!doctype html><p>x', 'page')).toBe('html')
    expect(await typeOf('{"a": 1}', 'file')).toBe('json')
    expect(await typeOf('a,b\n1,2', 'file', 'text/csv; charset=utf-8')).toBe('csv')
    expect(await typeOf('{not json', 'file')).toBe('text')
  })

  test('BM at the start of a text does not make it a picture', async () => {
    expect(await reading.text(Buffer.from('BMW baut größere Autos als früher, und schönere.', 'latin1'))).toContain('größere')
  })

  test.each([
    ['an image (PNG)', Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), Buffer.alloc(64)])],
    ['a ZIP archive', makeZip([{ name: 'a.txt', content: 'text' }])],
    [
      'an OpenDocument file',
      makeZip([
        { name: 'content.xml', content: '<x/>' },
        { name: 'META-INF/manifest.xml', content: '<x/>' },
      ]),
    ],
    ['a Word document of the format before 2007 (.doc)', makeCompoundFile(['Root Entry', 'WordDocument'])],
    ['an RTF document', '{\\rtf1 text}'],
    ['an archive (GZ)', Bun.gzipSync(Buffer.from('text'))],
    ['of a kind that is not known, and not text', Uint8Array.from({ length: 4096 }, (_, i) => (i * 7919) % 251)],
  ])('%s is unsupported, and named', async (name, content) => {
    expect(await reading.refusal(content)).toStartWith(`unsupported_file: The file is ${name}. Supported are text, Markdown, HTML`)
  })
})

describe('what cannot be read is refused with its reason', () => {
  const sound = makeDocx(['A sound paragraph. '.repeat(100)])
  test.each<[string, string, string | Uint8Array]>([
    ['an empty file', 'The file is empty.', ''],
    ['white space', 'The file has no text.', ' \n \t\n'],
    [
      'a scanned PDF',
      'The PDF has 2 pages but no text, as scanned documents have not. Text in pictures is not recognised (no OCR).',
      makeScannedPdf(2),
    ],
    ['an encrypted PDF', 'The PDF is encrypted: it cannot be read without its password.', makeEncryptedPdf()],
    ['a PDF that was cut off', 'The PDF is broken: it cannot be read.', makePdf(['text '.repeat(200)]).slice(0, 900)],
    ['an encrypted Office document', 'The file is encrypted: it cannot be read without its password.', makeEncryptedOffice()],
    ['a Word document that was cut off', 'The file is broken: its ZIP archive cannot be read.', sound.slice(0, sound.length / 2)],
    ['a slide show without slides', 'The file has no text.', makePptx([])],
  ])('%s', async (_, message, content) => {
    expect(await reading.refusal(content)).toBe(`invalid_file: ${message}`)
  })

  test('more tokens than configured', async () => {
    const small = openReading({ tokensMax: 1000 })
    expect(await small.refusal('word '.repeat(5000))).toBe('invalid_file: The file is too large: it has more than 1000 tokens of text.')
    expect(await small.text('word '.repeat(500))).toStartWith('word')
    await small.close()
  })
})
