import { join } from 'node:path'
import { eventually } from '../../support/eventually.ts'
import { ROOT } from '../../support/source-tree.ts'
import type { Version } from '../langgraph-sdk-stage.ts'
import type { Browser, Page } from './browser.ts'

const ENTRY = join(ROOT, 'test/contract/use-stream/page.ts')
const HOOK = /^@langchain\/langgraph-sdk\/react$/

/** The page with the hook of this version, as one script. */
async function bundle(version: Version): Promise<string> {
  const built = await Bun.build({
    entrypoints: [ENTRY],
    target: 'browser',
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [
      {
        name: 'version of the hook',
        setup: (build) => {
          if (version === '2.0.0') build.onResolve({ filter: HOOK }, () => ({ path: Bun.resolveSync('sdk-2/react', ROOT) }))
        },
      },
    ],
  })
  const [script] = built.outputs
  if (!built.success || !script) throw new Error(`The page could not be built: ${built.logs.join('\n')}`)
  return script.text()
}

const DOCUMENT =
  '<!doctype html><meta charset="utf-8"><title>chat</title><div id="root"></div><script type="module" src="/page.js"></script>'

export interface Site {
  /** Another origin than the server of the API. */
  url: string
  stop(): Promise<void>
}

export async function openSite(version: Version): Promise<Site> {
  const script = await bundle(version)
  const contents: Record<string, [type: string, text: string]> = { '/': ['text/html', DOCUMENT], '/page.js': ['text/javascript', script] }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const [type, text] = contents[new URL(request.url).pathname] ?? []
      return new Response(text ?? null, text === undefined ? { status: 404 } : { headers: { 'content-type': `${type}; charset=utf-8` } })
    },
  })
  return { url: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) }
}

export interface Seen {
  answers: string[]
  notes: unknown[]
  runs: string[]
  finished: number
  errors: string[]
}

/** The page as somebody sits before it. */
export class Chat {
  private constructor(private readonly page: Page) {}

  static async open(browser: Browser, site: Site, settings: Record<string, string>): Promise<Chat> {
    const chat = new Chat(await browser.open(`${site.url}/?${new URLSearchParams(settings)}`))
    await chat.stands()
    return chat
  }

  say(text: string): Promise<void> {
    const value = JSON.stringify(text)
    return this.page.evaluate(`{ const form = document.getElementById('form'); form.text.value = ${value}; form.requestSubmit() }`)
  }

  click(id: string): Promise<void> {
    return this.page.evaluate(`document.getElementById(${JSON.stringify(id)}).click()`)
  }

  /** `type text` of every message that is shown. */
  messages(): Promise<string[]> {
    return this.page.evaluate(`[...document.querySelectorAll('#messages li')].map(({ dataset }) => dataset.type + ' ' + dataset.text)`)
  }

  /** The text of an element; null where it is not there. */
  text(id: string): Promise<string | null> {
    return this.page.evaluate(`document.getElementById(${JSON.stringify(id)})?.textContent ?? null`)
  }

  isLoading(): Promise<boolean> {
    return this.page.evaluate(`document.getElementById('chat').dataset.loading === 'true'`)
  }

  threadId(): Promise<string> {
    return this.page.evaluate('location.hash.slice(1)')
  }

  seen(): Promise<Seen> {
    return this.page.evaluate('seen')
  }

  /** Waits until these messages are shown, and no others. */
  async shows(...messages: string[]): Promise<void> {
    let shown: string[] = []
    const wanted = JSON.stringify(messages)
    const look = async () => {
      shown = await this.messages()
      return JSON.stringify(shown) === wanted ? true : undefined
    }
    await eventually(look).catch(async () => {
      const { errors } = await this.seen()
      throw new Error(`Shown: ${JSON.stringify(shown)} instead of ${wanted}; errors: ${errors}; console: ${this.page.console.join('\n')}`)
    })
  }

  async rests(): Promise<void> {
    await eventually(async () => ((await this.isLoading()) ? undefined : true))
  }

  async reload(): Promise<void> {
    await this.page.reload()
    await this.stands()
  }

  /** React shows a page a moment after it was loaded. */
  private stands(): Promise<true> {
    return eventually(async () => ((await this.text('form')) === null ? undefined : true))
  }

  close(): Promise<void> {
    return this.page.close()
  }
}
