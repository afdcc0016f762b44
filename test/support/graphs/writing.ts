import { Annotation, END, getWriter, type LangGraphRunnableConfig, START, StateGraph } from '@langchain/langgraph'

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

const Pace = Annotation.Root({ chunks: Annotation<number>, hold_ms: Annotation<number>, interval_ms: Annotation<number> })

/** `chunks` custom events of about 40 bytes, `interval_ms` apart, the first after `hold_ms`. */
export const streamer = new StateGraph(Pace)
  .addNode('emit', async ({ chunks, hold_ms, interval_ms }, config: LangGraphRunnableConfig) => {
    if (hold_ms > 0) await sleep(hold_ms)
    for (let i = 0; i < (chunks ?? 0); i++) {
      if (i > 0 && interval_ms > 0) await sleep(interval_ms)
      config.signal?.throwIfAborted()
      config.writer?.({ i, t: performance.timeOrigin + performance.now() })
    }
    return {}
  })
  .addEdge(START, 'emit')
  .addEdge('emit', END)
  .compile()

const Lines = Annotation.Root({ lines: Annotation<string[]>, written: Annotation<number> })

/** Writes each line as a custom event, by the writer of its config and by the one that is found without it. */
export const custom = new StateGraph(Lines)
  .addNode('write', ({ lines }, config: LangGraphRunnableConfig) => {
    for (const line of lines ?? []) config.writer?.({ line })
    getWriter()?.('the end')
    return { written: lines?.length ?? 0 }
  })
  .addEdge(START, 'write')
  .addEdge('write', END)
  .compile()
