import { useStream } from '@langchain/langgraph-sdk/react'
import { createElement as h, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'

/** What the page is told by its address. */
interface Settings {
  apiUrl: string
  apiKey: string
  assistantId: string
  /** Reads the whole past, so that one can branch off. */
  history: boolean
  /** Comes back to a run that is at work. */
  reconnect: boolean
}

interface Said {
  id?: string
  type: string
  content: unknown
}

/** What the tests look at. */
interface Seen {
  /** Every text that the last answer was shown with, in this browser tab, since the page was loaded. */
  answers: string[]
  notes: unknown[]
  runs: string[]
  finished: number
  errors: string[]
}

/** As far as this page needs what a browser has. */
interface Place {
  location: { search: string; hash: string }
  document: { getElementById(id: string): Element | null }
  seen: Seen
}

const place = globalThis as unknown as Place
const seen: Seen = { answers: [], notes: [], runs: [], finished: 0, errors: [] }
place.seen = seen

const query = new URLSearchParams(place.location.search)
const settings: Settings = {
  apiUrl: query.get('apiUrl') ?? '',
  apiKey: query.get('apiKey') ?? '',
  assistantId: query.get('assistantId') ?? '',
  history: query.has('history'),
  reconnect: !query.has('plain'),
}

const textOf = ({ content }: Said): string => (typeof content === 'string' ? content : JSON.stringify(content))

const button = (id: string, act: () => unknown): ReactNode => h('button', { id, type: 'button', onClick: () => void act() }, id)

/** A talk with an assistant, as people write it. The thread stands in the address, so that a reload comes back to it. */
function Chat(): ReactNode {
  const talk = useStream<{ messages: Said[] }, { InterruptType: { question: string } }>({
    ...{ apiUrl: settings.apiUrl, apiKey: settings.apiKey, assistantId: settings.assistantId },
    threadId: place.location.hash.slice(1) || null,
    onThreadId: (id) => {
      place.location.hash = id
    },
    reconnectOnMount: settings.reconnect,
    fetchStateHistory: settings.history,
    onCreated: ({ run_id }) => seen.runs.push(run_id),
    onFinish: () => (seen.finished += 1),
    onError: (error) => seen.errors.push(String(error)),
    onCustomEvent: (note) => seen.notes.push(note),
  })
  const messages = talk.messages as Said[]
  const last = messages.at(-1)
  if (last?.type === 'ai' && seen.answers.at(-1) !== textOf(last)) seen.answers.push(textOf(last))
  const say = (content: string): Promise<void> =>
    talk.submit({ messages: [{ type: 'human', content, id: `said-${messages.length}` }] } as never)
  const edit = (message: Said): Promise<void> => {
    const checkpoint = talk.getMessagesMetadata(message as never)?.firstSeenState?.parent_checkpoint
    const again = [{ type: 'human', content: `${textOf(message)} again`, id: `${message.id}-again` }]
    return talk.submit({ messages: again } as never, { checkpoint: checkpoint ?? null })
  }
  return h(
    'main',
    { id: 'chat', 'data-loading': talk.isLoading, 'data-thread': talk.isThreadLoading ? 'loading' : 'there' },
    h(
      'form',
      {
        id: 'form',
        onSubmit: (event) => {
          event.preventDefault()
          const form = event.currentTarget as unknown as { text: { value: string }; reset(): void }
          void say(form.text.value)
          form.reset()
        },
      },
      h('input', { name: 'text' }),
    ),
    h(
      'ol',
      { id: 'messages' },
      messages.map((message, i) => {
        const metadata = settings.history ? talk.getMessagesMetadata(message as never) : undefined
        const others = (metadata?.branchOptions ?? []).filter((branch) => branch !== metadata?.branch)
        return h(
          'li',
          { key: message.id ?? i, 'data-type': message.type, 'data-text': textOf(message) },
          textOf(message),
          message.type === 'human' && settings.history ? button(`edit-${i}`, () => edit(message)) : null,
          others.map((branch, n) => button(`branch-${i}-${n}`, () => talk.setBranch(branch))),
        )
      }),
    ),
    talk.interrupt ? h('p', { id: 'question' }, talk.interrupt.value?.question ?? 'breakpoint') : null,
    talk.interrupt ? button('answer', () => talk.submit(undefined, { command: { resume: 'Ada' } })) : null,
    talk.error ? h('p', { id: 'error' }, String(talk.error)) : null,
    button('stop', () => talk.stop()),
  )
}

const root = place.document.getElementById('root')
if (root) createRoot(root).render(h(Chat))
