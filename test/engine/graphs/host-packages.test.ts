import { expect, test } from 'bun:test'
import { hostModules, hostVersions } from '../../../src/engine/graphs/host-modules.ts'
import { packageOf } from '../../../src/engine/graphs/host-names.ts'
import { strangers } from '../../../src/engine/graphs/host-packages.ts'
import { newProject } from '../../support/graph-project.ts'

test('everything that graphs import of LangGraph and LangChain can be lent, and is there', async () => {
  const names = Object.keys(hostModules)
  for (const name of [
    '@langchain/langgraph',
    '@langchain/langgraph/prebuilt',
    '@langchain/langgraph/zod',
    '@langchain/langgraph-checkpoint',
  ])
    expect(names).toContain(name)
  for (const name of ['@langchain/core/messages', '@langchain/core/tools', '@langchain/core/utils/types', 'zod', 'zod/v3', 'zod/v4'])
    expect(names).toContain(name)
  for (const name of names) expect([name, Object.keys((await hostModules[name]?.()) ?? {}).length > 0]).toEqual([name, true])
  // It is loaded for all that a project might import, so what loading does by itself counts.
  expect(names).not.toContain('zod/compile')
  expect(new Set(names.map(packageOf))).toEqual(new Set(Object.keys(hostVersions)))
})

test('another major version of what the server lends is noticed, a near one is not', () => {
  const installed = (name: string, version: string) => ({ [`node_modules/${name}/package.json`]: JSON.stringify({ name, version }) })
  const project = newProject({
    ...installed('@langchain/core', '0.3.80'),
    ...installed('@langchain/langgraph', `${hostVersions['@langchain/langgraph']?.split('.')[0]}.0.1`),
    ...installed('@langchain/langgraph-checkpoint', '0.0.18'),
  })
  expect(strangers(project.dir)).toEqual([
    { name: '@langchain/core', theirs: '0.3.80', ours: hostVersions['@langchain/core'] ?? '' },
    { name: '@langchain/langgraph-checkpoint', theirs: '0.0.18', ours: hostVersions['@langchain/langgraph-checkpoint'] ?? '' },
  ])
  project.remove()
})
