import { scanSource } from '../../src/drivers/vectors/scan-source.ts'
import { Scanner } from '../../src/drivers/vectors/scanner.ts'
import { toCoarse } from '../../src/drivers/vectors/unit-vector.ts'

// The smallest program that scans: started as an executable by scan-source.test.ts.
const ignore = (): undefined => undefined
const scanner = new Scanner({ log: { debug: ignore, info: ignore, warn: ignore, error: console.error }, onLost: () => undefined })
const unit = new Float32Array([0.6, 0.8])
const changes = [{ id: '00000000-0000-0000-0000-000000000000', attributes: {}, born: 1, removed: false }]
await scanner.ask({ op: 'documents', space: 1, dimensions: 2, changes })
await scanner.ask({ op: 'rows', space: 1, bytes: new Uint8Array([...new Uint8Array(32), ...toCoarse(unit)]), fresh: true })
const { scores } = await scanner.ask({ op: 'scan', spaces: [1], query: unit, count: 5, filter: null })
console.log(`${scanSource === null ? 'from the sources' : 'embedded'}: ${scores.length} candidate`)
scanner.close()
