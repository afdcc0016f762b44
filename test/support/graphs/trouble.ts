import { Annotation, END, type LangGraphRunnableConfig, START, StateGraph } from '@langchain/langgraph'

export class CustomError extends Error {
  override readonly name = 'CustomError'
}

const Count = Annotation.Root({ count: Annotation<number>({ reducer: (before, after) => before + after, default: () => 0 }) })

/** One step, then an error of a class of its own. */
export const failing = new StateGraph(Count)
  .addNode('tick', () => ({ count: 1 }))
  .addNode('boo', () => {
    throw new CustomError('Boo!')
  })
  .addEdge(START, 'tick')
  .addEdge('tick', 'boo')
  .addEdge('boo', END)
  .compile()

/** Never ends by itself. */
export const recursion = new StateGraph(Count)
  .addNode('again', () => ({ count: 1 }))
  .addEdge(START, 'again')
  .addEdge('again', 'again')
  .compile()

const Delay = Annotation.Root({ delay_ms: Annotation<number>, deaf: Annotation<boolean>, slept: Annotation<boolean> })

/** Sleeps `delay_ms`. Stops when it is told to, unless it is `deaf`. */
export const delay = new StateGraph(Delay)
  .addNode('sleep', async ({ delay_ms, deaf }, config: LangGraphRunnableConfig) => {
    await sleep(delay_ms ?? 0, deaf ? undefined : config.signal)
    return { slept: true }
  })
  .addEdge(START, 'sleep')
  .addEdge('sleep', END)
  .compile()

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason ?? new Error('stopped'))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}
