import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { endAll, startFloor, startStub, startTested, temporaryFolder, testedProgram } from './children.ts'
import { type Circumstances, postgresVersion, readCircumstances } from './circumstances.ts'
import { latency } from './latency.ts'
import { errorText } from './load.ts'
import { Measurements } from './measurements.ts'
import { memory } from './memory.ts'
import { memoryMb } from './process-tree.ts'
import { failures, report, rowsOf } from './report.ts'
import type { Bench, LoneScenario, Options, Pair, PairScenario } from './scenario.ts'
import { coldStart } from './start.ts'
import { throughput, warmUp } from './throughput.ts'

/** Measures the server against a floor and against its model called directly; see README.md. */
const USAGE = `bun scripts/bench/bench.ts [--executable dist/tetraport | --sources] [--rounds 3] [--duration 3000] [--only regexp]
  [--out file] [--hold 20000] [--streams 200] [--starts 5] [--settle 500] [--list]`

const LONE: LoneScenario[] = [coldStart, memory]
const PAIRED: PairScenario[] = [...throughput, ...latency]

function readFlags() {
  try {
    return parseArgs({
      options: {
        executable: { type: 'string', default: 'dist/tetraport' },
        sources: { type: 'boolean', default: false },
        rounds: { type: 'string', default: '3' },
        duration: { type: 'string', default: '3000' },
        only: { type: 'string', default: '' },
        out: { type: 'string' },
        hold: { type: 'string', default: '20000' },
        streams: { type: 'string', default: '200' },
        starts: { type: 'string', default: '5' },
        settle: { type: 'string', default: '500' },
        list: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    return refuse(errorText(error))
  }
}

function refuse(what: string): never {
  console.error(`${what}\n${USAGE}`)
  process.exit(2)
}

function count(name: string, text: string): number {
  const value = Number(text)
  return Number.isInteger(value) && value >= 0 && text !== '' ? value : refuse(`--${name} must be a whole number, not '${text}'.`)
}

const flags = readFlags()
const options: Options = {
  rounds: count('rounds', flags.rounds),
  durationMs: count('duration', flags.duration),
  holdMs: count('hold', flags.hold),
  streams: count('streams', flags.streams),
  coldStarts: count('starts', flags.starts),
  settleMs: count('settle', flags.settle),
}
const measurements = new Measurements()
const pattern = readPattern(flags.only)
const wanted = ({ name }: { name: string }): boolean => pattern.test(name)

function readPattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (error) {
    return refuse(errorText(error))
  }
}

const progress = (text: string): void => {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`)
}

async function measurePair(bench: Bench, circumstances: Circumstances): Promise<void> {
  const scenarios = PAIRED.filter(wanted)
  if (scenarios.length === 0) return
  const dir = temporaryFolder()
  const pair: Pair = {
    floor: await startFloor(join(dir, 'floor'), bench.stub),
    ours: await startTested(bench.tested, join(dir, 'ours'), bench.stub),
  }
  circumstances.versions.postgres = await postgresVersion(pair.floor.url)
  progress('warm-up')
  await warmUp(bench, pair)
  for (const scenario of scenarios) {
    for (let round = 1; round <= options.rounds; round++) {
      progress(`${scenario.name} ${round}/${options.rounds}`)
      await measured(scenario.name, () => scenario.round(bench, pair))
    }
    await save(circumstances, false)
  }
  measurements.add('memory after all of this', 'MB', { floor: memoryMb(pair.floor.pid).total, ours: memoryMb(pair.ours.pid).total })
  await Promise.all([pair.floor.stop(), pair.ours.stop()])
  for (const [name, { said }] of Object.entries(pair)) if (said() !== '') console.error(`${name} said:\n${said()}`)
}

/** What fails outside of an operation is one error, and the other scenarios go on. */
async function measured(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    measurements.count(name, 'ours', { operations: 0, errors: 1, firstError: errorText(error) })
  }
}

/** After every scenario, so that a run that is broken off keeps what it has. */
async function save(circumstances: Circumstances, complete: boolean): Promise<void> {
  if (flags.out === undefined) return
  const result = {
    complete,
    ...circumstances,
    loadAfter: loadavg(),
    options: { ...options, only: flags.only },
    errors: measurements.errors(),
    counts: Object.fromEntries(measurements.counts()),
    metrics: rowsOf(measurements, circumstances.tested.kind),
  }
  await Bun.write(flags.out, `${JSON.stringify(result, null, 1)}\n`)
}

async function main(): Promise<number> {
  const tested = testedProgram(flags)
  const circumstances = await readCircumstances(tested)
  const bench: Bench = { tested, options, measurements, progress, stub: await startStub() }
  for (const scenario of LONE.filter(wanted)) {
    await measured(scenario.name, () => scenario.run(bench))
    await save(circumstances, false)
  }
  await measurePair(bench, circumstances)
  await save(circumstances, true)
  progress('')
  const { machine, git } = circumstances
  console.log(`${tested.kind}, commit ${git.commit?.slice(0, 12) ?? 'unknown'}, ${machine.cores} cores, ${machine.memoryGb} GB\n`)
  console.log(report(rowsOf(measurements, tested.kind)))
  for (const line of failures(measurements)) console.log(`! ${line}`)
  return measurements.errors() === 0 ? 0 : 1
}

if (flags.list) {
  console.log([...LONE, ...PAIRED].map(({ name }) => name).join('\n'))
  process.exit(0)
}
const INTERRUPTED = 130
let code = 1
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    code = INTERRUPTED
    void endAll().finally(() => process.exit(code))
  })
}
try {
  const result = await main()
  if (code !== INTERRUPTED) code = result
} catch (error) {
  if (code !== INTERRUPTED) console.error(errorText(error))
} finally {
  await endAll()
}
process.exit(code)
