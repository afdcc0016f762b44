import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { Annotation, type LangGraphRunnableConfig, MessagesAnnotation } from '@langchain/langgraph'

/**
 * All graphs of the lab share one state, so that one thread can run them all. Each step leaves a line, which a second
 * application of the same write would repeat, and a message of the same text.
 */
export const Work = Annotation.Root({
  ...MessagesAnnotation.spec,
  lines: Annotation<string[]>({ reducer: (before, after) => before.concat(after), default: () => [] }),
  /** Of the run: every line it leaves begins with it. */
  tag: Annotation<string>,
  steps: Annotation<number>,
  done: Annotation<number>,
  pause_ms: Annotation<number>,
  asks: Annotation<boolean>,
  /** Name of a file in the folder of the lab: the first step waits until it is there. */
  gate: Annotation<string | null>,
  inner: Annotation<string[]>,
})

export const said = (...lines: string[]) => ({ lines, messages: lines.map((line) => ({ role: 'assistant', id: line, content: line })) })

/** What a node did outside of its state. Appended whole, by whichever process. */
export interface Effect {
  thread: string
  run: string
  attempt: number
  node: string
  what: 'begin' | 'end'
  /** Milliseconds since the epoch. */
  at: number
}

/** Asked for each time: tests of one process load this file once, and have a folder each. */
const inFolder = (name: string): string => join(process.env.LAB_FOLDER ?? '.', name)

/** Does what a node has to do, noted outside before and behind. Ends early, and says so, when the run is stopped. */
export async function effect(
  node: string,
  config: LangGraphRunnableConfig,
  wait: { ms: number; gate?: string | null | undefined },
): Promise<void> {
  const { thread_id: thread, run_id: run } = (config.configurable ?? {}) as { thread_id?: string; run_id?: string }
  const attempt = Number(config.metadata?.run_attempt ?? 0)
  const note = (what: Effect['what']): void => {
    const noted: Effect = { thread: thread ?? '', run: run ?? '', attempt, node, what, at: performance.timeOrigin + performance.now() }
    appendFileSync(inFolder('effects.jsonl'), `${JSON.stringify(noted)}\n`)
  }
  note('begin')
  config.writer?.({ node, attempt })
  try {
    await sleep(wait.ms, config.signal)
    while (wait.gate && !existsSync(inFolder(wait.gate))) await sleep(10, config.signal)
  } finally {
    note('end')
  }
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(new Error('stopped'))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}
