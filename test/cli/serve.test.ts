import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openExternal } from '../../src/drivers/records/external.ts'
import { lockFolder } from '../../src/drivers/records/lock.ts'
import { eventually } from '../support/eventually.ts'
import { cloneDatabase, silentLog, type TestDatabase, temporaryFolder } from '../support/postgres.ts'
import { FakeTerminal } from '../support/terminal.ts'

let database: TestDatabase
let dir: string
beforeAll(async () => {
  database = await cloneDatabase()
  dir = temporaryFolder()
})
afterAll(async () => {
  await database.drop()
  rmSync(dir, { recursive: true, force: true })
})

function terminal(env: Record<string, string> = {}, interactive = false): FakeTerminal {
  const base = { DATABASE_URL: database.url, TETRAPORT_LISTEN: '127.0.0.1:0', TETRAPORT_DATA: dir, TETRAPORT_LOG_LEVEL: 'error' }
  return new FakeTerminal(dir, { ...base, ...env }, interactive)
}

async function started(t: FakeTerminal, ...args: string[]): Promise<{ url: string; exit: Promise<number> }> {
  const exit = t.run('serve', ...args)
  const failed = exit.then((code) => Promise.reject(new Error(`serve ended with ${code}: ${t.stderr}`)))
  const line = args.includes('--json') ? /"url":"([^"]+)"/ : /^tetraport listening on (http:\S+)$/m
  const [, url = ''] = await Promise.race([t.printed(line), failed])
  failed.catch(() => undefined)
  return { url, exit }
}

/** The request that the printed curl line makes. */
async function pasted(stdout: string): Promise<Response> {
  const [, url = '', key = '', body = ''] = /curl (\S+) -H "Authorization: Bearer ([^"]+)" .* -d '([^']+)'/.exec(stdout) ?? []
  const [, file] = /^\$\(cat (\S+)\)$/.exec(key) ?? []
  const secret = file === undefined ? key : readFileSync(file, 'utf8').trim()
  return fetch(url, { method: 'POST', body, headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' } })
}

describe('the first start', () => {
  test('fits a screen, and what it prints works when pasted', async () => {
    const t = terminal()
    const { url, exit } = await started(t)
    expect(t.stdout.split('\n').length).toBeLessThan(24)
    expect(t.stdout).toContain(`OpenAI Assistants   ${url}/v1\n`)
    expect(t.stdout).toContain(`LangGraph Platform  ${url}/langgraph\n`)
    expect(t.stdout).toContain(`Documentation       ${url}/docs\n`)
    const answer = await pasted(t.stdout)
    expect(await answer.json()).toMatchObject({ object: 'chat.completion', choices: [{ message: { content: 'Hello' } }] })
    t.stop()
    expect(await exit).toBe(0)
  })

  test('outside of a terminal it leaves the key in a file for the owner only', () => {
    const path = join(dir, 'first-key')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readFileSync(path, 'utf8')).toMatch(/^tp_[\w-]{43}\n$/)
  })

  test('in a terminal it shows the key, and later starts do not', async () => {
    const own = await cloneDatabase()
    const first = terminal({ DATABASE_URL: own.url }, true)
    const running = await started(first)
    expect(first.stdout).toMatch(/API key +tp_[\w-]{43} {2}\(shown this once\)/)
    expect((await pasted(first.stdout)).status).toBe(200)
    first.stop()
    await running.exit
    const second = terminal({ DATABASE_URL: own.url }, true)
    const again = await started(second)
    expect(second.stdout).not.toMatch(/tp_|curl|API key/)
    second.stop()
    expect(await again.exit).toBe(0)
    await own.drop()
  })

  test('a preset key works and is never printed', async () => {
    const own = await cloneDatabase()
    const t = terminal({ DATABASE_URL: own.url, TETRAPORT_BOOTSTRAP_KEY: 'two words' }, true)
    const { url, exit } = await started(t, '--json')
    const answer = await fetch(`${url}/v1/models`, { headers: { authorization: 'Bearer two words' } })
    expect(answer.status).toBe(200)
    expect(t.stdout).not.toContain('two words')
    t.stop()
    await exit
    await own.drop()
  })
})

describe('documents', () => {
  const KEY = { authorization: 'Bearer k' }
  const post = async (url: string, body: string | FormData): Promise<Record<string, unknown>> => {
    const headers: Record<string, string> = typeof body === 'string' ? { ...KEY, 'content-type': 'application/json' } : KEY
    const answer = await fetch(url, { method: 'POST', headers, body })
    if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as Record<string, unknown>
  }
  /** A store with one text in it; answers its address. */
  async function storeWithText(url: string): Promise<string> {
    const form = new FormData()
    form.append('purpose', 'assistants')
    form.append('file', new File(['The lighthouse was painted in 1911.'], 'note.txt'))
    const file = await post(`${url}/v1/files`, form)
    const store = await post(`${url}/v1/vector_stores`, JSON.stringify({ file_ids: [file.id] }))
    return `${url}/v1/vector_stores/${store.id}`
  }
  const countsOf = async (store: string): Promise<unknown> =>
    ((await (await fetch(store, { headers: KEY })).json()) as { file_counts: unknown }).file_counts

  test('are ingested also where no runs are executed', async () => {
    const own = await cloneDatabase()
    const t = terminal({ DATABASE_URL: own.url, TETRAPORT_BOOTSTRAP_KEY: 'k', TETRAPORT_ENGINE_SLOTS: '0' })
    const { url, exit } = await started(t)
    const store = await storeWithText(url)
    await eventually(async () =>
      Bun.deepEquals(await countsOf(store), { in_progress: 0, completed: 1, failed: 0, cancelled: 0, total: 1 }) ? true : undefined,
    )
    t.stop()
    expect(await exit).toBe(0)
    await own.drop()
  })

  test('wait for another process where none are ingested', async () => {
    const own = await cloneDatabase()
    const t = terminal({ DATABASE_URL: own.url, TETRAPORT_BOOTSTRAP_KEY: 'k', TETRAPORT_ENGINE_SLOTS: '0', TETRAPORT_INGEST_SLOTS: '0' })
    const { url, exit } = await started(t)
    const store = await storeWithText(url)
    expect((await fetch(`${url}/health/ready`)).status).toBe(200)
    t.stop()
    expect(await exit).toBe(0)
    const other = terminal({ DATABASE_URL: own.url, TETRAPORT_BOOTSTRAP_KEY: 'k' })
    const next = await started(other)
    const there = store.replace(url, next.url)
    await eventually(async () =>
      Bun.deepEquals(await countsOf(there), { in_progress: 0, completed: 1, failed: 0, cancelled: 0, total: 1 }) ? true : undefined,
    )
    other.stop()
    expect(await next.exit).toBe(0)
    await own.drop()
  })
})

describe('a listener of its own for LangGraph', () => {
  test('is printed, serves at the root, and stops with the other one', async () => {
    const t = terminal({ TETRAPORT_BOOTSTRAP_KEY: 'k' })
    const { url, exit } = await started(t, '--listen-langgraph', '127.0.0.1:0')
    const [, place = '', own = ''] = /^ {2}LangGraph Platform +(\S+), (\S+)$/m.exec(t.stdout) ?? []
    expect(place).toBe(`${url}/langgraph`)
    expect(new URL(own).port).not.toBe(new URL(url).port)
    for (const base of [place, own]) expect(await (await fetch(`${base}/ok`)).json()).toEqual({ ok: true })
    for (const base of [url, own]) while ((await fetch(`${base}/health/ready`)).status !== 200) await Bun.sleep(1)
    t.stop()
    expect(await exit).toBe(0)
    for (const base of [url, own]) expect(fetch(`${base}/health`)).rejects.toThrow()
  })

  test('is told to programs with everything else', async () => {
    const t = terminal({ TETRAPORT_BOOTSTRAP_KEY: 'k' })
    const { url, exit } = await started(t, '--json', '--listen-langgraph', '127.0.0.1:0')
    expect(JSON.parse(t.stdout)).toMatchObject({
      url,
      surfaces: { openai: `${url}/v1`, langgraph: `${url}/langgraph` },
      alone: { langgraph: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) },
      graphs: ['assistant'],
      problems: [],
    })
    t.stop()
    expect(await exit).toBe(0)
  })

  test('stands beside another surface’s own', async () => {
    const t = terminal({ TETRAPORT_BOOTSTRAP_KEY: 'k' })
    const { url, exit } = await started(t, '--listen-langgraph', '127.0.0.1:0', '--listen-entities', '127.0.0.1:0')
    const [, place = '', own = ''] = /^ {2}Entities +(\S+), (\S+)$/m.exec(t.stdout) ?? []
    const [, , graphs = ''] = /^ {2}LangGraph Platform +(\S+), (\S+)$/m.exec(t.stdout) ?? []
    expect(place).toBe(`${url}/entities`)
    expect(new Set([url, own, graphs]).size).toBe(3)
    for (const base of [place, `${own}/v1`]) expect(await (await fetch(`${base}/health`)).json()).toMatchObject({ database: true })
    t.stop()
    expect(await exit).toBe(0)
    for (const base of [url, own, graphs]) expect(fetch(`${base}/health`)).rejects.toThrow()
  })

  test('whose address is in use is exit 1, and nothing is left listening', async () => {
    const holder = Bun.serve({ port: 0, hostname: '127.0.0.1', reusePort: false, fetch: () => new Response() })
    const free = Bun.serve({ port: 0, hostname: '127.0.0.1', reusePort: false, fetch: () => new Response() })
    const port = free.port
    await free.stop(true)
    const t = terminal({ TETRAPORT_LISTEN: `127.0.0.1:${port}` })
    expect(await t.run('serve', '--listen-langgraph', `127.0.0.1:${holder.port}`)).toBe(1)
    expect(t.stderr).toContain(`Cannot listen on 127.0.0.1:${holder.port}.`)
    expect(t.stderr).toContain('--listen-langgraph')
    expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow()
    await holder.stop(true)
  })
})

describe('graphs', () => {
  test('that are served are named, and those that are not with the reason', async () => {
    writeFileSync(join(dir, 'good.mjs'), GRAPH)
    writeFileSync(join(dir, 'langgraph.json'), JSON.stringify({ graphs: { good: './good.mjs:graph', bad: './bad.mjs:graph' } }))
    const t = terminal({ TETRAPORT_BOOTSTRAP_KEY: 'k' })
    const { exit } = await started(t, '--graphs', join(dir, 'langgraph.json'))
    expect(t.stdout).toMatch(/^ {2}Graphs +assistant, good$/m)
    expect(t.stdout).toMatch(/^ {2}Not loaded +.*bad.*bad\.mjs/m)
    t.stop()
    expect(await exit).toBe(0)
  })
})

const GRAPH = `
import { END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
export const graph = new StateGraph(MessagesAnnotation)
  .addNode('answer', () => ({}))
  .addEdge(START, 'answer')
  .addEdge('answer', END)
  .compile()
`

describe('stopping', () => {
  test('ends open streams and refuses connections, then exits 0', async () => {
    const t = terminal({ TETRAPORT_BOOTSTRAP_KEY: 'k' })
    const { url, exit } = await started(t)
    // The worker looks for runs once before it calls itself ready.
    while ((await fetch(`${url}/health/ready`)).status !== 200) await Bun.sleep(1)
    t.stop()
    expect(await exit).toBe(0)
    expect(t.exits).toEqual([])
    expect(fetch(`${url}/health`)).rejects.toThrow()
  })

  test('a second request to stop ends the process at once', async () => {
    const t = terminal()
    const { exit } = await started(t)
    t.stop()
    t.stop()
    expect(t.exits).toEqual([1])
    await exit
  })
})

describe('what keeps it from starting', () => {
  test('an address in use is exit 1', async () => {
    const holder = Bun.serve({ port: 0, hostname: '127.0.0.1', reusePort: false, fetch: () => new Response() })
    const t = terminal({ TETRAPORT_LISTEN: `127.0.0.1:${holder.port}` })
    expect(await t.run('serve')).toBe(1)
    expect(t.stderr).toContain(`Cannot listen on 127.0.0.1:${holder.port}.`)
    await holder.stop(true)
  })

  test('a data folder in use is exit 5 and names the holder', async () => {
    const lock = await lockFolder(dir)
    const t = terminal({ DATABASE_URL: '' })
    expect(await t.run('serve')).toBe(5)
    expect(t.stderr).toContain(`Process ${process.pid} serves it.`)
    lock.release()
  })

  test('data of a newer version is exit 4', async () => {
    const own = await cloneDatabase()
    const records = await openExternal({ url: own.url, poolMax: 2, log: silentLog })
    await records.db.query("insert into tetraport_migration (created_at, hash) values (99999999999999, 'later')")
    await records.close()
    const t = terminal({ DATABASE_URL: own.url })
    expect(await t.run('serve')).toBe(4)
    expect(t.stderr).toContain('newer version')
    await own.drop()
  })

  test('a database that does not answer is exit 3', async () => {
    const t = terminal({ DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x' })
    expect(await t.run('serve')).toBe(3)
    expect(t.stderr.trimEnd().split('\n')).toHaveLength(3)
    expect(t.stderr).not.toContain('hunter2')
  })
})
