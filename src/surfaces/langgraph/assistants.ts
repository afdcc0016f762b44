import { Type as t } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { App } from '../../app.ts'
import {
  changeGraphAssistant,
  createGraphAssistant,
  deleteGraphAssistant,
  resolveAssistant,
} from '../../core/assistants/graph-assistants.ts'
import { countAssistants, searchAssistants } from '../../core/assistants/search.ts'
import { settingsOf } from '../../core/assistants/settings.ts'
import { listVersions, setLatestVersion } from '../../core/assistants/versions.ts'
import type { Caller } from '../../core/caller.ts'
import {
  AssistantCount,
  AssistantCreate,
  AssistantObject,
  AssistantPatch,
  AssistantSearchBody,
  AssistantVersionObject,
  Count,
  Deleted,
  DeleteQuery,
  DrawingObject,
  DrawingQuery,
  fromAssistantCreate,
  fromAssistantFilter,
  fromAssistantPatch,
  fromAssistantSearch,
  fromVersionSearch,
  GraphSchema,
  Namespace,
  Subgraphs,
  SubgraphsQuery,
  toAssistant,
  toAssistantVersion,
  toFoundAssistants,
  toGraphSchema,
  toSubgraphs,
  VersionChoice,
  VersionSearch,
} from './assistants.wire.ts'
import { langgraphCaller } from './caller.ts'
import { AssistantRef } from './fields.wire.ts'
import { answers, asks, paths, takes } from './route.ts'
import { partial } from './selection.ts'

const ofAssistant = paths({ assistant_id: AssistantRef })

/** What is asked about an assistant's graph is asked about the graph as this assistant configures it. */
async function graphOf(app: App, caller: Caller, text: string) {
  const assistant = await resolveAssistant(app, caller, text)
  return { graph: assistant.graph, config: settingsOf(assistant) }
}

const kept = (app: App) =>
  new Elysia()
    .use(langgraphCaller(app))
    .post(
      '',
      async ({ caller, once, body }) => toAssistant(await once((parts) => createGraphAssistant(parts, caller, fromAssistantCreate(body)))),
      {
        ...takes(AssistantCreate),
        ...answers({ id: 'createAssistant', summary: 'Create an assistant' }, AssistantObject),
      },
    )
    .post(
      '/search',
      async ({ caller, body, set }) => {
        const search = fromAssistantSearch(body)
        const select = body.select ?? null
        const { items, headers } = toFoundAssistants(await searchAssistants(app, caller, search), { ...search, select })
        // What was selected is less than the schema of the answer wants.
        if (select) return partial(items, headers)
        Object.assign(set.headers, headers)
        return items
      },
      { ...takes(AssistantSearchBody), ...answers({ id: 'searchAssistants', summary: 'Search assistants' }, t.Array(AssistantObject)) },
    )
    .post('/count', ({ caller, body }) => countAssistants(app, caller, fromAssistantFilter(body)), {
      ...takes(AssistantCount),
      ...answers({ id: 'countAssistants', summary: 'Count assistants' }, Count),
    })
    .get('/:assistant_id', async ({ caller, params }) => toAssistant(await resolveAssistant(app, caller, params.assistant_id)), {
      ...ofAssistant,
      ...answers({ id: 'getAssistant', summary: 'Retrieve an assistant' }, AssistantObject),
    })
    .patch(
      '/:assistant_id',
      async ({ caller, once, params, body }) => {
        const { id } = await resolveAssistant(app, caller, params.assistant_id)
        const input = { id, change: fromAssistantPatch(body) }
        return toAssistant(await once((parts) => changeGraphAssistant(parts, caller, input)))
      },
      {
        ...ofAssistant,
        ...takes(AssistantPatch),
        ...answers({ id: 'patchAssistant', summary: 'Change an assistant: every change is a new version' }, AssistantObject),
      },
    )
    .delete(
      '/:assistant_id',
      async ({ caller, params, query }) => {
        const { id } = await resolveAssistant(app, caller, params.assistant_id)
        await deleteGraphAssistant(app, caller, { id, deleteThreads: query.delete_threads ?? false })
        return [id]
      },
      {
        ...ofAssistant,
        ...asks(DeleteQuery),
        ...answers({ id: 'deleteAssistant', summary: 'Delete an assistant with its versions' }, Deleted),
      },
    )

const versioned = (app: App) =>
  new Elysia()
    .use(langgraphCaller(app))
    .post(
      '/:assistant_id/versions',
      async ({ caller, params, body }) => {
        const { id } = await resolveAssistant(app, caller, params.assistant_id)
        return (await listVersions(app, caller, { id, ...fromVersionSearch(body) })).map(toAssistantVersion)
      },
      {
        ...ofAssistant,
        ...takes(VersionSearch),
        ...answers({ id: 'listAssistantVersions', summary: "List an assistant's versions, newest first" }, t.Array(AssistantVersionObject)),
      },
    )
    .post(
      '/:assistant_id/latest',
      async ({ caller, params, body }) => {
        const { id } = await resolveAssistant(app, caller, params.assistant_id)
        return toAssistant(await setLatestVersion(app, caller, { id, version: body.version }))
      },
      {
        ...ofAssistant,
        ...takes(VersionChoice),
        ...answers({ id: 'setLatestAssistantVersion', summary: 'Make a version the current one' }, AssistantObject),
      },
    )

const drawn = (app: App) =>
  new Elysia()
    .use(langgraphCaller(app))
    .get(
      '/:assistant_id/graph',
      async ({ caller, params, query }) =>
        app.graphs.drawing(caller, { ...(await graphOf(app, caller, params.assistant_id)), xray: query.xray ?? false }),
      {
        ...ofAssistant,
        ...asks(DrawingQuery),
        ...answers({ id: 'getAssistantGraph', summary: "Draw an assistant's graph as nodes and edges" }, DrawingObject),
      },
    )
    .get(
      '/:assistant_id/schemas',
      async ({ caller, params }) => {
        const use = await graphOf(app, caller, params.assistant_id)
        return toGraphSchema(use.graph, await app.graphs.schemas(caller, use))
      },
      { ...ofAssistant, ...answers({ id: 'getAssistantSchemas', summary: "The schemas of an assistant's graph" }, GraphSchema) },
    )
    .get(
      '/:assistant_id/subgraphs',
      async ({ caller, params, query }) => {
        const use = await graphOf(app, caller, params.assistant_id)
        return toSubgraphs(await app.graphs.subgraphs(caller, { ...use, recurse: query.recurse ?? false }))
      },
      {
        ...ofAssistant,
        ...asks(SubgraphsQuery),
        ...answers({ id: 'getAssistantSubgraphs', summary: "The schemas of a graph's subgraphs" }, Subgraphs),
      },
    )
    .get(
      '/:assistant_id/subgraphs/:namespace',
      async ({ caller, params, query }) => {
        const use = await graphOf(app, caller, params.assistant_id)
        const { namespace } = params
        return toSubgraphs(await app.graphs.subgraphs(caller, { ...use, namespace, recurse: query.recurse ?? false }))
      },
      {
        ...paths({ assistant_id: AssistantRef, namespace: Namespace }),
        ...asks(SubgraphsQuery),
        ...answers({ id: 'getAssistantSubgraph', summary: 'The schemas of one subgraph' }, Subgraphs),
      },
    )

/** A graph, and how it is configured. */
export const assistants = (app: App) =>
  new Elysia({ prefix: '/assistants', tags: ['Assistants'] }).use(kept(app)).use(versioned(app)).use(drawn(app))
