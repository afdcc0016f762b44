import { parseArgs } from 'node:util'
import { pointsOf, runCrashes } from '../test/lab/graph-crash.ts'
import { runProcessCrashes } from '../test/lab/graph-crash-process.ts'
import { runGraphLab } from '../test/lab/graph-lab.ts'
import { runStrategiesLab } from '../test/lab/graph-strategies.ts'
import { runHostileLab } from '../test/lab/hostile-lab.ts'
import { runIngestLab } from '../test/lab/ingest-lab.ts'
import { runLab } from '../test/lab/lab.ts'
import { runSignUpLab } from '../test/lab/sign-up-lab.ts'
import { hostileDocuments } from '../test/support/documents/hostile.ts'
import { stopTestCluster } from '../test/support/postgres.ts'

// Kills the server again and again under traffic and checks that nothing was lost; see test/lab/README.md.

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'runs' },
    records: { type: 'string', default: 'embedded' },
    replicas: { type: 'string', default: '1' },
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    clients: { type: 'string' },
    'lease-ms': { type: 'string', default: '2000' },
    count: { type: 'string' },
  },
})
const records = (['embedded', 'external'] as const).find((kind) => kind === values.records)
if (!records) throw new Error('--records is embedded or external')
const replicas = Number(values.replicas)
if (values.scenario !== 'strategies' && replicas !== 1 && (replicas !== 2 || values.scenario !== 'graphs' || records !== 'external'))
  throw new Error('--replicas is 1, or 2 with --scenario graphs --records external: a data folder belongs to one server')

const options = {
  records,
  kills: Number(values.kills),
  seed: Number(values.seed),
  leaseMs: Number(values['lease-ms']),
  progress: (text: string) => process.stderr.write(`${text}\n`),
}
const clients = (usual: number): number => Number(values.clients ?? usual)

/** Evenly from all kinds there are. */
function pick<T>(all: readonly T[], count: number): T[] {
  return all.filter((_, i) => Math.floor(((i + 1) * count) / all.length) > Math.floor((i * count) / all.length))
}

function hostile() {
  if (records !== 'embedded') throw new Error('--scenario hostile keeps its records embedded')
  const documents = hostileDocuments()
  return runHostileLab({ documents: pick(documents, Number(values.count ?? documents.length)), timed: true, progress: options.progress })
}

/** First as a process that its database does not hear of any more, then as one that really dies. */
async function crashes() {
  const { progress } = options
  const most = Number(values.count ?? 2)
  const muted = await runCrashes({ chosen: (_, names) => pointsOf(names, most), progress })
  await stopTestCluster()
  const killed = await runProcessCrashes({ most, progress })
  return { muted, killed, violations: [...muted.violations, ...killed.violations] }
}

const SCENARIOS: Record<string, () => Promise<{ violations: string[] }>> = {
  runs: () => runLab({ ...options, clients: clients(20), finely: true }),
  ingest: () => runIngestLab({ ...options, clients: clients(6), hurry: false }),
  'sign-ups': () => runSignUpLab({ ...options, clients: clients(10), finely: true }),
  graphs: () => runGraphLab({ ...options, replicas, clients: clients(15), finely: true, refusing: true }),
  crashes,
  strategies: () =>
    runStrategiesLab({
      rounds: Number(values.count ?? 50),
      atOnce: clients(50),
      replicas: Number(values.replicas),
      progress: options.progress,
    }),
  hostile,
}
const scenario = SCENARIOS[values.scenario]
if (!scenario) throw new Error(`--scenario is one of ${Object.keys(SCENARIOS).join(', ')}`)

const report = await scenario()
console.log(JSON.stringify(report, null, 2))
process.exit(report.violations.length > 0 ? 1 : 0)
