import { parseArgs } from 'node:util'
import { runHostileLab } from '../test/lab/hostile-lab.ts'
import { runIngestLab } from '../test/lab/ingest-lab.ts'
import { runLab } from '../test/lab/lab.ts'
import { hostileDocuments } from '../test/support/documents/hostile.ts'

// Kills the server again and again under traffic and checks that nothing was lost; see test/lab/README.md.

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'runs' },
    records: { type: 'string', default: 'embedded' },
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    clients: { type: 'string' },
    'lease-ms': { type: 'string', default: '2000' },
    count: { type: 'string' },
  },
})
const { scenario } = values
const records = (['embedded', 'external'] as const).find((kind) => kind === values.records)
if (!records) throw new Error('--records is embedded or external')
if (scenario !== 'runs' && scenario !== 'ingest' && scenario !== 'hostile') throw new Error('--scenario is runs, ingest or hostile')
if (scenario === 'hostile' && records !== 'embedded') throw new Error('--scenario hostile keeps its records embedded')

const options = {
  records,
  kills: Number(values.kills),
  seed: Number(values.seed),
  leaseMs: Number(values['lease-ms']),
  progress: (text: string) => process.stderr.write(`${text}\n`),
}

/** Evenly from all kinds there are. */
function pick<T>(all: readonly T[], count: number): T[] {
  return all.filter((_, i) => Math.floor(((i + 1) * count) / all.length) > Math.floor((i * count) / all.length))
}

async function run() {
  if (scenario === 'runs') return runLab({ ...options, clients: Number(values.clients ?? 20), finely: true })
  if (scenario === 'ingest') return runIngestLab({ ...options, clients: Number(values.clients ?? 6), hurry: false })
  const documents = hostileDocuments()
  return runHostileLab({ documents: pick(documents, Number(values.count ?? documents.length)), timed: true, progress: options.progress })
}

const report = await run()
console.log(JSON.stringify(report, null, 2))
process.exit(report.violations.length > 0 ? 1 : 0)
