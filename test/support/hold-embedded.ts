import { openEmbedded } from '../../src/drivers/records/embedded.ts'
import { silentLog } from './postgres.ts'

// A process that holds a data folder until it is killed: `bun hold-embedded.ts <dir>`. Says the pid of its Postgres.
const [dir = ''] = process.argv.slice(2)
const records = await openEmbedded({ dir, poolMax: 1, log: silentLog, settings: { fsync: 'off' } })
console.log(records.postgresPid())
setInterval(() => undefined, 60_000)
