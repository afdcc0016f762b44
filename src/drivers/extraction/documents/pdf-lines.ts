/** A line as it stands on a page; y grows upwards. */
export interface PdfLine {
  text: string
  x: number
  y: number
  width: number
  height: number
}

/** From this share of lines that stand above the one before, the order in the file is not the order of reading. */
const DISORDER = 0.3
/** A gap of so many usual ones parts two paragraphs. */
const PARAGRAPH_GAP = 1.35
/** A line that is nearly as wide as its paragraph goes on in the next, unless all of them are short, as in an address. */
const FULL_LINE = 0.8
const FULL_LINE_CHARS = 30
const FULL_LINE_CHARS_ASIAN = 12

/** Text of a page: paragraphs with an empty line between them, their wrapped lines joined again. */
export function pageText(lines: readonly PdfLine[]): string {
  const ordered = inReadingOrder(lines)
  const gap = usualGap(ordered)
  const paragraphs: PdfLine[][] = []
  let open: PdfLine[] = []
  for (const line of ordered) {
    const last = open.at(-1)
    if (last !== undefined && partsFrom(last, line, gap)) {
      paragraphs.push(open)
      open = []
    }
    open.push(line)
  }
  paragraphs.push(open)
  return paragraphs.map(joinLines).join('\n\n')
}

/** Files keep columns and tables in their order; only where they clearly do not, the place on the page counts. */
function inReadingOrder(lines: readonly PdfLine[]): readonly PdfLine[] {
  let ups = 0
  for (const [i, line] of lines.entries()) {
    const last = lines[i - 1]
    if (last !== undefined && line.y > last.y + line.height / 2) ups++
  }
  if (lines.length < 4 || ups < lines.length * DISORDER) return lines
  const rows = [...lines].sort((a, b) => b.y - a.y || a.x - b.x)
  return rows
}

function usualGap(lines: readonly PdfLine[]): number {
  const gaps: number[] = []
  for (const [i, line] of lines.entries()) {
    const gap = (lines[i - 1]?.y ?? 0) - line.y
    if (i > 0 && gap > line.height / 2) gaps.push(gap)
  }
  gaps.sort((a, b) => a - b)
  return gaps[(gaps.length - 1) >> 1] ?? 0
}

function partsFrom(last: PdfLine, line: PdfLine, usual: number): boolean {
  const gap = last.y - line.y
  const height = Math.max(last.height, line.height, 1)
  if (gap < -height / 2) return true
  // Headings are larger than the text below them.
  if (Math.abs(last.height - line.height) > height * 0.25 && gap > height / 2) return true
  return gap > usual * PARAGRAPH_GAP && gap > height * 1.2
}

const ASIAN = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uffef]/u
const BULLET = /^(?:[\u2022\u2023\u25aa\u25cf\u25e6\u2043\u00b7*–-]|\(?\p{N}{1,3}[.)]|\p{L}\))\s/u

function joinLines(lines: readonly PdfLine[]): string {
  const widest = Math.max(...lines.map((line) => line.width))
  let text = ''
  let last: PdfLine | undefined
  for (const line of lines) {
    if (last === undefined) text = line.text
    else if (Math.abs(last.y - line.y) < line.height / 2) text += ` ${line.text}`
    else if (isParted(last.text, line.text)) text = text.slice(0, -1) + line.text
    else if (!isFull(last, widest) || BULLET.test(line.text)) text += `\n${line.text}`
    else text = wrapped(text, line.text)
    last = line
  }
  return text
}

const isFull = ({ text, width }: PdfLine, widest: number): boolean =>
  width >= widest * FULL_LINE && text.length >= (ASIAN.test(text) ? FULL_LINE_CHARS_ASIAN : FULL_LINE_CHARS)

/** Whether a word was parted at the end of a line. */
const isParted = (text: string, next: string): boolean => /\p{Ll}[-\u2010]$/u.test(text) && /^\p{Ll}/u.test(next)

function wrapped(text: string, next: string): string {
  if (/[-\u2010]$/.test(text)) return text + next
  const asian = ASIAN.test(text.slice(-1)) && ASIAN.test(next.slice(0, 1))
  return asian ? text + next : `${text} ${next}`
}
