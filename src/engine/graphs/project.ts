import { readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { GraphInfo } from '../../core/graphs/graphs.ts'
import type { Log } from '../../core/needs.ts'
import { type GraphEnvironment, openEnvironment } from './environment.ts'
import { extendZod, strangers, supplyHostPackages } from './host-packages.ts'
import { type Loaded, loadGraph } from './load.ts'
import { broken, type GraphProblem, type GraphSpec, type Manifest, parseManifest } from './manifest.ts'
import { scanProject } from './project-files.ts'
import { renew } from './reloading.ts'
import { StrayErrors } from './stray-errors.ts'
import { FileWatch } from './watch.ts'

/** A graph of the project: what it loaded as, or why it did not. */
export interface ProjectGraph {
  spec: GraphSpec
  loaded: Loaded | { problem: string }
}

const FILE = 'langgraph.json'

/** The graphs of a langgraph.json. */
export class GraphProject {
  private graphs: ReadonlyMap<string, ProjectGraph> = new Map()
  private manifest: Manifest | undefined
  private watch: FileWatch | undefined
  private readonly environment: GraphEnvironment
  private readonly strays: StrayErrors
  private reloading: Promise<void> | undefined
  private again = false
  private closed = false

  constructor(
    private readonly path: string,
    private readonly log: Log,
    /** Called after every reload that went through. */
    private readonly reloaded: () => void,
  ) {
    this.environment = openEnvironment(log)
    this.strays = new StrayErrors(log)
  }

  /** Loads everything. Throws invalid (kind graph) for a manifest that cannot be used; graphs that cannot be are problems. */
  async open(watch: boolean): Promise<void> {
    const manifest = await readManifest(this.path)
    const { path, dir, ignored } = manifest
    if (ignored.length > 0) this.log.info('graphs.fields_ignored', { path, fields: ignored.join(', ') })
    await supplyHostPackages(dir)
    for (const { name, theirs, ours } of strangers(dir)) this.log.warn('graphs.other_version', { package: name, theirs, ours })
    if (watch) this.watch = new FileWatch(() => void this.reload(), this.log)
    this.strays.catch(dir)
    this.graphs = await this.load(manifest, { failed: 'graphs.load_failed' })
    this.manifest = manifest
  }

  list(): GraphInfo[] {
    return [...this.graphs.values()].map(({ spec: { id, description } }) => ({ id, description }))
  }

  get(id: string): ProjectGraph | undefined {
    return this.graphs.get(id)
  }

  /** Also of graphs that the manifest names in a way that they cannot be looked for. */
  problems(): GraphProblem[] {
    const failed = [...this.graphs].flatMap(([graph, { loaded }]) => ('problem' in loaded ? [{ graph, message: loaded.problem }] : []))
    return [...(this.manifest?.problems ?? []), ...failed]
  }

  close(): void {
    this.closed = true
    this.watch?.close()
    this.strays.close()
  }

  /** One at a time; what changes meanwhile is seen by one more. */
  private async reload(): Promise<void> {
    this.again = true
    this.reloading ??= this.reloadAll().finally(() => {
      this.reloading = undefined
    })
    await this.reloading
  }

  private async reloadAll(): Promise<void> {
    while (this.again && !this.closed) {
      this.again = false
      try {
        await this.reloadOnce()
      } catch (error) {
        this.log.error('graphs.reload_failed', { message: (error as Error).message })
      }
    }
  }

  private async reloadOnce(): Promise<void> {
    const manifest = await readManifest(this.path)
    const graphs = await this.load(manifest, { failed: 'graphs.reload_failed' })
    if (this.closed) return
    this.graphs = new Map([...graphs].map(([id, graph]) => [id, this.better(graph)]))
    this.manifest = manifest
    this.log.info('graphs.reloaded', { graphs: this.graphs.size, problems: this.problems().length })
    this.reloaded()
  }

  /** A graph that worked is not given up for one that does not. */
  private better(graph: ProjectGraph): ProjectGraph {
    const before = this.graphs.get(graph.spec.id)
    return 'problem' in graph.loaded && before !== undefined && !('problem' in before.loaded) ? before : graph
  }

  /** Told of by `failed` is every graph that does not load. */
  private async load(manifest: Manifest, { failed }: { failed: string }): Promise<Map<string, ProjectGraph>> {
    await this.environment.apply(manifest)
    const found = await scanProject(manifest.graphs.map(({ file }) => file))
    if (this.watch !== undefined) {
      // Before they are loaded: what changes meanwhile is a change.
      await this.watch.follow(new Set([...found.files, ...found.awaited, ...sourcesOf(manifest)]))
      renew(found.files)
    }
    await extendZod(found.packages, manifest.dir)
    for (const { graph, message } of manifest.problems) this.log.error(failed, { graph, message })
    const graphs = manifest.graphs.map(async (spec): Promise<[string, ProjectGraph]> => {
      try {
        return [spec.id, { spec, loaded: await loadGraph(spec) }]
      } catch (error) {
        const { message } = error as Error
        this.log.error(failed, { graph: spec.id, message })
        return [spec.id, { spec, loaded: { problem: message } }]
      }
    })
    return new Map(await Promise.all(graphs))
  }
}

/** What says which graphs there are and how they are set. */
const sourcesOf = ({ path, env }: Manifest): string[] => (typeof env === 'string' ? [path, env] : [path])

/** A folder stands for the langgraph.json in it. */
async function readManifest(given: string): Promise<Manifest> {
  const place = await stat(given).catch(() => undefined)
  const path = resolve(place?.isDirectory() ? join(given, FILE) : given)
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw broken(path, [`it cannot be read: ${error.message}.`])
  })
  return parseManifest(path, text)
}
