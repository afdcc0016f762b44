import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { Client } from '@langchain/langgraph-sdk'
import { eventually } from '../support/eventually.ts'
import { type Served, serve } from '../support/served.ts'
import { GRAPHS, type Version } from './langgraph-sdk-stage.ts'
import { type Browser, hasBrowser, openBrowser } from './use-stream/browser.ts'
import { Chat, openSite, type Site } from './use-stream/chat.ts'
import { openGate } from './use-stream/gates.ts'

/** A browser starts, and a page is bundled. */
const START_MS = 90_000
const WORDS = 'one two three four'
const SCRIPTS = {
  story: [{ text: ['Once ', 'upon ', 'a ', 'time'], pauseMs: 5 }],
  endless: [{ text: ['Once ', 'upon'], pauseMs: 600_000 }],
}

describe.skipIf(!hasBrowser('useStream'))('useStream in a browser', () => {
  let served: Served
  let browser: Browser
  let client: Client
  beforeAll(async () => {
    served = await serve({ scripts: SCRIPTS }, { worker: true, langgraph: { graphs: GRAPHS }, http: { keepAliveMs: 1000 } })
    client = new Client({ apiUrl: `${served.url}/langgraph`, apiKey: served.key })
    browser = await openBrowser()
  }, START_MS)
  afterAll(async () => {
    await browser?.close()
    await served?.close()
  })

  const openChats: Chat[] = []
  afterEach(async () => {
    for (const chat of openChats.splice(0)) await chat.close()
  })
  const open = async (site: Site, settings: Record<string, string>): Promise<Chat> => {
    const chat = await Chat.open(browser, site, { apiUrl: `${served.url}/langgraph`, apiKey: served.key, ...settings })
    openChats.push(chat)
    return chat
  }
  const untilRun = (threadId: string, status: string) =>
    eventually(async () => (await client.runs.list(threadId)).find((run) => run.status === status))

  describe.each(['1.15.0', '2.0.0'] satisfies Version[])('of langgraph-sdk %s', (version) => {
    let site: Site
    beforeAll(async () => {
      site = await openSite(version)
    }, START_MS)
    afterAll(() => site?.stop())

    /** A page whose answer stopped after two words. */
    const holding = async (settings: Record<string, string> = {}) => {
      const gate = crypto.randomUUID()
      const chat = await open(site, { assistantId: 'held', ...settings })
      const asked = `hold ${gate} ${WORDS}`
      await chat.say(asked)
      await chat.shows(`human ${asked}`, 'ai one two ')
      return { chat, asked, gate, threadId: await chat.threadId() }
    }

    test('shows an answer while it is made', async () => {
      const { chat, asked, gate } = await holding()
      expect(await chat.isLoading()).toBeTrue()
      openGate(gate)
      await chat.shows(`human ${asked}`, `ai ${WORDS}`)
      await chat.rests()
      const { answers, errors, finished } = await chat.seen()
      expect([answers.at(-1), errors, finished]).toEqual([WORDS, [], 1])
      expect(answers.filter((answer) => !WORDS.startsWith(answer))).toEqual([])
    })

    test('goes on talking on the same thread', async () => {
      const chat = await open(site, { assistantId: 'held' })
      await chat.say('hello')
      await chat.shows('human hello', 'ai You said: hello')
      await chat.rests()
      await chat.say('and bye')
      await chat.shows('human hello', 'ai You said: hello', 'human and bye', 'ai You said: and bye')
      await chat.rests()
      expect(await client.runs.list(await chat.threadId())).toHaveLength(2)
      await chat.reload()
      await chat.shows('human hello', 'ai You said: hello', 'human and bye', 'ai You said: and bye')
    })

    test('what is said meanwhile is answered next', async () => {
      const { chat, asked, gate, threadId } = await holding()
      await chat.say('more')
      openGate(gate)
      await eventually(async () => ((await chat.messages()).at(-1) === 'ai You said: more' ? true : undefined))
      await chat.rests()
      const { values } = await client.threads.getState<{ messages: { content: string }[] }>(threadId)
      expect(values.messages.map(({ content }) => content)).toEqual([asked, WORDS, 'more', 'You said: more'])
    })

    test('stop() stops the run on the server, whether its page could come back to it or not', async () => {
      for (const settings of [{}, { plain: '1' }] as Record<string, string>[]) {
        const { chat, threadId } = await holding(settings)
        const [runId] = (await chat.seen()).runs
        await chat.click('stop')
        expect((await untilRun(threadId, 'interrupted')).run_id).toBe(String(runId))
        expect(await client.threads.get(threadId)).toMatchObject({ status: 'idle' })
        await chat.rests()
        expect((await chat.seen()).errors).toEqual([])
        await chat.say('are you there?')
        await eventually(async () => ((await chat.messages()).at(-1) === 'ai You said: are you there?' ? true : undefined))
      }
    })

    test('a page that is loaded again in the middle of an answer shows all of it', async () => {
      const { chat, asked, gate, threadId } = await holding()
      await chat.reload()
      await chat.shows(`human ${asked}`, 'ai one two ')
      expect(await chat.isLoading()).toBeTrue()
      await chat.reload()
      await chat.shows(`human ${asked}`, 'ai one two ')
      openGate(gate)
      await chat.shows(`human ${asked}`, `ai ${WORDS}`)
      await chat.rests()
      expect((await client.runs.list(threadId)).map(({ status }) => status)).toEqual(['success'])
      await chat.reload()
      await chat.shows(`human ${asked}`, `ai ${WORDS}`)
      expect((await chat.seen()).errors).toEqual([])
    })

    test('a page that is loaded again after the answer has ended shows it', async () => {
      const { chat, asked, gate, threadId } = await holding()
      const reloaded = chat.reload()
      openGate(gate)
      await untilRun(threadId, 'success')
      await reloaded
      await chat.shows(`human ${asked}`, `ai ${WORDS}`)
      await chat.rests()
    })

    test('a page that goes away for good takes its run with it, unless it could come back', async () => {
      const leaving = await holding({ plain: '1' })
      await leaving.chat.close()
      openChats.splice(openChats.indexOf(leaving.chat), 1)
      await untilRun(leaving.threadId, 'interrupted')
      const staying = await holding()
      await staying.chat.close()
      openChats.splice(openChats.indexOf(staying.chat), 1)
      openGate(staying.gate)
      await untilRun(staying.threadId, 'success')
    })

    test('a question is shown, after a reload too, and answered', async () => {
      const chat = await open(site, { assistantId: 'asking' })
      await chat.say('let me in')
      await eventually(async () => ((await chat.text('question')) === 'Who are you?' ? true : undefined))
      expect((await chat.seen()).notes).toEqual([{ note: 'asking' }])
      await chat.rests()
      await chat.reload()
      await eventually(async () => ((await chat.text('question')) === 'Who are you?' ? true : undefined))
      await chat.click('answer')
      await chat.shows('human let me in', 'ai Welcome, Ada.')
      await chat.rests()
      expect(await chat.text('question')).toBeNull()
      expect(await client.threads.get(await chat.threadId())).toMatchObject({ status: 'idle' })
    })

    test('a failure is shown in its own words', async () => {
      const chat = await open(site, { assistantId: 'broken' })
      await chat.say('hello')
      await eventually(async () => ((await chat.text('error'))?.includes('Boo!') ? true : undefined))
      await chat.shows('human hello', 'ai Let me see.')
      const lost = await open(site, { assistantId: 'nobody' })
      await lost.say('hello')
      const told = await eventually(async () => (await lost.text('error')) ?? undefined)
      expect(told).toContain('HTTP 404: {"detail":"No assistant found for')
    })

    test('what was said is said again in another way, and both are there', async () => {
      const chat = await open(site, { assistantId: 'held', history: '1' })
      await chat.say('hello')
      await chat.shows('human hello', 'ai You said: hello')
      await chat.rests()
      await chat.click('edit-0')
      await chat.shows('human hello again', 'ai You said: hello again')
      await chat.rests()
      await chat.click('branch-0-0')
      await chat.shows('human hello', 'ai You said: hello')
      await chat.say('and bye')
      await chat.shows('human hello', 'ai You said: hello', 'human and bye', 'ai You said: and bye')
      await chat.rests()
      expect((await chat.seen()).errors).toEqual([])
    })

    test('the built-in graph is told token by token, and stopped', async () => {
      const of = async (model: string) =>
        (await client.assistants.create({ graphId: 'assistant', config: { configurable: { model } } })).assistant_id
      const chat = await open(site, { assistantId: await of('story') })
      await chat.say('tell me')
      await chat.shows('human tell me', 'ai Once upon a time')
      await chat.rests()
      expect((await chat.seen()).answers.length).toBeGreaterThan(1)
      await chat.reload()
      await chat.shows('human tell me', 'ai Once upon a time')
      const endless = await open(site, { assistantId: await of('endless') })
      await endless.say('tell me')
      await endless.shows('human tell me', 'ai Once ')
      await endless.click('stop')
      await untilRun(await endless.threadId(), 'interrupted')
    })
  })
})
