/** The words of the stub, so that whoever reads an answer knows what it must be. */
export const tokenOf = (i: number): string => `tok${i} `

const texts = new Map<number, string>()

export function textOf(tokens: number): string {
  const known = texts.get(tokens)
  if (known !== undefined) return known
  const text = Array.from({ length: tokens }, (_, i) => tokenOf(i)).join('')
  texts.set(tokens, text)
  return text
}

export const modelName = (tokens: number, apartMs: number): string => `tok-${tokens}-${apartMs}`
