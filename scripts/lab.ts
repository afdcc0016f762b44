import { parseArgs } from 'node:util'
import { runIngestLab } from '../test/lab/ingest-lab.ts'
import { runLab } from '../test/lab/lab.ts'

// Kills the server again and again under traffic and checks that nothing was lost; see test/lab/README.md.

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'runs' },
    records: { type: 'string', default: 'embedded' },
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    clients: { type: 'string' },
    'lease-ms': { type: 'string', default: '2000' },
  },
})
const { scenario } = values
const records = (['embedded', 'external'] as const).find((kind) => kind === values.records)
if (!records) throw new Error('--records is embedded or external')
if (scenario !== 'runs' && scenario !== 'ingest') throw new Error('--scenario is runs or ingest')

const options = {
  records,
  kills: Number(values.kills),
  seed: Number(values.seed),
  leaseMs: Number(values['lease-ms']),
  progress: (text: string) => process.stderr.write(`${text}\n`),
}
const report =
  scenario === 'runs'
    ? await runLab({ ...options, clients: Number(values.clients ?? 20), finely: true })
    : await runIngestLab({ ...options, clients: Number(values.clients ?? 6), hurry: false })
console.log(JSON.stringify(report, null, 2))
process.exit(report.violations.length > 0 ? 1 : 0)
