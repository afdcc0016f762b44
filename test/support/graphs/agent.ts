import { AIMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { ToolNode } from '@langchain/langgraph/prebuilt'
import { z } from 'zod'
import { FakeModel, question } from './parts/fake-model.ts'

const weather = tool(async ({ city }) => (city === 'Atlantis' ? 'no such place' : `14 degrees in ${city}`), {
  name: 'weather',
  description: 'The weather of a city.',
  schema: z.object({ city: z.string() }),
})

const add = tool(async ({ a, b }) => String(a + b), {
  name: 'add',
  description: 'The sum of two numbers.',
  schema: z.object({ a: z.number(), b: z.number() }),
})

/** Words like `weather: Oslo` or `add: 2 3` make it call a tool; several, parted by `;`, make it call several at once. */
const model = new FakeModel((messages) => {
  const id = `turn-${messages.length}`
  const asked = question(messages)
  const last = messages.at(-1)
  if (last?.getType() === 'tool') return { id, text: `The tools say ${answers(messages).join(' and ')}.` }
  const calls = asked.split(';').flatMap((part, i) => {
    const [, name, rest = ''] = /^\s*(weather|add):\s*(.+)$/.exec(part) ?? []
    if (name === undefined) return []
    const [a = '0', b = '0'] = rest.split(/\s+/)
    return [{ id: `call-${messages.length}-${i}`, name, args: name === 'add' ? { a: Number(a), b: Number(b) } : { city: rest } }]
  })
  return calls.length > 0 ? { id, text: '', calls } : { id, text: `You said: ${asked}` }
})

function answers(messages: readonly { getType(): string; content: unknown }[]): string[] {
  const from = messages.findLastIndex((message) => message.getType() !== 'tool')
  return messages.slice(from + 1).map(({ content }) => String(content))
}

export const agent = new StateGraph(MessagesAnnotation)
  .addNode('agent', async ({ messages }, config) => ({ messages: [await model.invoke(messages, config)] }))
  .addNode('tools', new ToolNode([weather, add]))
  .addEdge(START, 'agent')
  .addConditionalEdges('agent', ({ messages }) => {
    const last = messages.at(-1)
    return last && AIMessage.isInstance(last) && last.tool_calls?.length ? 'tools' : END
  })
  .addEdge('tools', 'agent')
  .compile()
