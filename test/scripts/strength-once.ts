import { StrengthMeter } from '../../src/core/passwords/strength-meter.ts'
import { strengthFile } from '../../src/core/passwords/strength-source.ts'

// Becomes an executable in strength-source.test.ts.
const meter = new StrengthMeter({ idleMs: 1 })
const score = async (): Promise<number> => (await meter.measure({ password: 'correct horse battery staple', hints: [] })).score
console.log(`${strengthFile === null ? 'sources' : 'embedded'}: ${await score()}`)
while (meter.isOpen) await Bun.sleep(1)
console.log(`again: ${await score()}`)
process.exit(0)
