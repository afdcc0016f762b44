import { parseArgs } from 'node:util'
import { runLab } from '../test/lab/lab.ts'

// Kills the server again and again under traffic and checks that nothing was lost; see test/lab/README.md.

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: 'embedded' },
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    clients: { type: 'string', default: '20' },
    'lease-ms': { type: 'string', default: '2000' },
  },
})
if (values.records !== 'embedded' && values.records !== 'external') throw new Error('--records is embedded or external')

const report = await runLab({
  records: values.records,
  kills: Number(values.kills),
  seed: Number(values.seed),
  clients: Number(values.clients),
  leaseMs: Number(values['lease-ms']),
  finely: true,
  progress: (text) => process.stderr.write(`${text}\n`),
})
console.log(JSON.stringify(report, null, 2))
process.exit(report.violations.length > 0 ? 1 : 0)
