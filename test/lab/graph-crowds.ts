import type { Chance } from './chance.ts'
import { GraphClient, type GraphGround } from './graph-client.ts'
import { workTask } from './graph-kinds.ts'
import { GraphRunner, type Strategy } from './graph-runs.ts'

const MEMBERS = 5
const STRATEGIES: readonly [Strategy, ...Strategy[]] = ['reject', 'enqueue', 'interrupt', 'rollback']

/** People who use one thread at the same time; each crowd takes a new one from time to time. */
export function startCrowds(ground: GraphGround, count: number, chance: Chance): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, (_, n) => live(ground, n, chance.fork())))
}

async function live(ground: GraphGround, crowd: number, chance: Chance): Promise<void> {
  const lead = new GraphClient(ground, chance.fork(), `x${crowd}`)
  const members = Array.from({ length: MEMBERS }, (_, n) => new GraphClient(ground, chance.fork(), `x${crowd}m${n}`))
  while (!ground.stopping()) {
    const thread = await lead.createThread()
    if (thread === undefined) continue
    // Every second crowd agrees on what is to be done.
    const agreed = chance.is(0.5) ? chance.pick(STRATEGIES) : undefined
    const vanishing = agreed === undefined || agreed === 'rollback'
    const rounds = chance.between(2, 5)
    await Promise.all(members.map((member) => use(member, thread, { agreed, vanishing, rounds })))
  }
}

interface Custom {
  agreed: Strategy | undefined
  /** A run of another member may be asked to remove this one. */
  vanishing: boolean
  rounds: number
}

async function use(client: GraphClient, thread: string, { agreed, vanishing, rounds }: Custom): Promise<void> {
  const { chance, ground } = client
  const runner = new GraphRunner(client)
  for (let round = 0; round < rounds && !ground.stopping(); round++) {
    try {
      await Bun.sleep(chance.between(0, 300))
      const task = workTask(client.tag('task'), { steps: chance.between(1, 5), pauseMs: chance.pick([2, 20, 80] as const) })
      const sent = client.note(task, { thread, mayVanish: vanishing })
      await runner.run(sent, { own: false, strategy: agreed ?? chance.pick(STRATEGIES), cancels: chance.is(0.05) })
    } catch (cause) {
      ground.history.complain(`${client.name}: ${cause instanceof Error ? cause.stack : cause}`)
    }
  }
}
