import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import { langgraphCaller } from './caller.ts'
import { Refusal } from './refusal.ts'

const HIDDEN = { detail: { hide: true } }

/** Known, named, and not built: a 404 would let a client look for its own mistake. */
const refuse = (what: string) => () => {
  throw new Refusal(501, `${what} is not implemented by this server.`)
}

const COMMANDS = 'Protocol v2 (POST /threads/{thread_id}/commands)'
const EVENTS = 'Protocol v2 (/threads/{thread_id}/stream/events)'

/** Parts of today's servers that this one does not have. */
export const protocol = (app: App) =>
  new Elysia()
    .use(langgraphCaller(app))
    .post('/threads/:thread_id/commands', refuse(COMMANDS), HIDDEN)
    .post('/threads/:thread_id/stream/events', refuse(EVENTS), HIDDEN)
    .get('/threads/:thread_id/stream/events', refuse(EVENTS), HIDDEN)
    .all('/ui/*', refuse('Generative UI (/ui)'), HIDDEN)
    .all('/mcp', refuse('MCP (/mcp)'), HIDDEN)
    .all('/mcp/*', refuse('MCP (/mcp)'), HIDDEN)
    .all('/a2a/*', refuse('A2A (/a2a)'), HIDDEN)
    .all('/internal/truncate', refuse('Truncation (/internal/truncate)'), HIDDEN)
