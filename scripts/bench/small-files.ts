/** Files as people have them, a few kB each, of the kinds that need no library to make. Always the same for the same number. */
export interface SmallFile {
  name: string
  content: string
}

const WORDS = `harbour ledger invoice turbine valley permit archive signal copper meadow engine border recipe cargo window
  contract island kettle lantern museum needle orchard pepper quarry ribbon saddle tunnel velvet wagon anchor`.split(/\s+/)

/** Written out, so that every run has the same files. */
function* chance(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield state / 2 ** 32
  }
}

function sentences(n: number, count: number): string[] {
  const random = chance(n + 1)
  const word = (): string => WORDS[Math.floor((random.next().value ?? 0) * WORDS.length)] ?? ''
  return Array.from(
    { length: count },
    (_, i) => `The ${word()} of the ${word()} near ${word()} number ${n}-${i} was ${word()} and ${word()}.`,
  )
}

const KINDS: ((n: number) => SmallFile)[] = [
  (n) => ({ name: `note-${n}.txt`, content: sentences(n, 40).join(' ') }),
  (n) => ({
    name: `guide-${n}.md`,
    content: `# Guide ${n}\n\n${sentences(n, 40)
      .map((s, i) => (i % 8 === 0 ? `## Part ${i}\n\n${s}` : s))
      .join('\n\n')}\n`,
  }),
  (n) => ({
    name: `page-${n}.html`,
    content: `<!doctype html><title>Page ${n}</title><body>${sentences(n, 40)
      .map((s) => `<p>${s}</p>`)
      .join('')}</body>`,
  }),
  (n) => ({
    name: `list-${n}.csv`,
    content: `no,text,amount\n${sentences(n, 40)
      .map((s, i) => `${i},"${s}",${i * n}`)
      .join('\n')}\n`,
  }),
  (n) => ({ name: `data-${n}.json`, content: JSON.stringify(sentences(n, 40).map((text, i) => ({ no: i, text, amount: i * n }))) }),
  (n) => ({
    name: `code-${n}.ts`,
    content: sentences(n, 40)
      .map((s, i) => `/** ${s} */\nexport const value${i} = (x: number): number => x * ${i} + ${n}\n`)
      .join('\n'),
  }),
]

export const smallFile = (n: number): SmallFile => {
  const kind = KINDS[n % KINDS.length]
  if (!kind) throw new Error('no kinds')
  return kind(n)
}
