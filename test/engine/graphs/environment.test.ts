import { expect, test } from 'bun:test'
import { GraphEnvironment } from '../../../src/engine/graphs/environment.ts'
import { parseManifest } from '../../../src/engine/graphs/manifest.ts'
import { RecordedLog } from '../../support/app.ts'
import { newProject } from '../../support/graph-project.ts'

const manifest = (env: unknown, path = '/p/langgraph.json') => parseManifest(path, JSON.stringify({ graphs: { a: './a.ts' }, env }))

test('what the server was started with wins over what the project says', async () => {
  const env: Record<string, string | undefined> = { KEY: 'of the operator' }
  await new GraphEnvironment(env, new RecordedLog()).apply(manifest({ KEY: 'of the project', OTHER: 'x' }))
  expect(env).toEqual({ KEY: 'of the operator', OTHER: 'x' })
})

test('a changed project takes back what it said before', async () => {
  const env: Record<string, string | undefined> = { KEEP: 'k' }
  const environment = new GraphEnvironment(env, new RecordedLog())
  await environment.apply(manifest({ A: '1', B: '1' }))
  await environment.apply(manifest({ A: '2' }))
  expect(env).toEqual({ KEEP: 'k', A: '2' })
})

test('variables are read from a file, and a missing file is told of', async () => {
  const project = newProject({ '.env': '# keys\nexport A="x y"\nB=1=2\n' })
  const env: Record<string, string | undefined> = {}
  const log = new RecordedLog()
  const environment = new GraphEnvironment(env, log)
  await environment.apply(manifest('.env', project.manifest))
  expect(env).toEqual({ A: 'x y', B: '1=2' })
  await environment.apply(manifest('.missing', project.manifest))
  expect(env).toEqual({})
  expect(log.count('graphs.env_file_unreadable')).toBe(1)
  project.remove()
})
