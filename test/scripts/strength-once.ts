import { StrengthMeter } from '../../src/core/passwords/strength-meter.ts'
import { strengthFile } from '../../src/core/passwords/strength-source.ts'

// Becomes an executable in strength-source.test.ts.
const meter = new StrengthMeter({ idleMs: 1 })
const strength = async (): Promise<string> => {
  const { guessesLog10 } = await meter.measure({ password: 'correct horse battery staple', hints: [] })
  return guessesLog10.toFixed(1)
}
console.log(`${strengthFile === null ? 'sources' : 'embedded'}: ${await strength()}`)
while (meter.isOpen) await Bun.sleep(1)
console.log(`again: ${await strength()}`)
process.exit(0)
