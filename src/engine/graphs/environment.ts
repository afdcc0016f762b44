import { readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import type { Log } from '../../core/needs.ts'
import type { Manifest } from './manifest.ts'

/**
 * Graphs, and the SDKs they use, look for their keys in the environment of their process. So `env` of langgraph.json has
 * to be there before they are loaded. What the server was started with wins. Nothing of the server reads it: its own
 * configuration is complete by then.
 */
export class GraphEnvironment {
  private readonly ours = new Set<string>()

  constructor(
    private readonly env: Record<string, string | undefined>,
    private readonly log: Log,
  ) {}

  /** Also takes away what an earlier manifest said and this one does not. */
  async apply({ env }: Manifest): Promise<void> {
    const variables = typeof env === 'string' ? await this.read(env) : env
    for (const name of this.ours) {
      if (name in variables) continue
      delete this.env[name]
      this.ours.delete(name)
    }
    for (const [name, value] of Object.entries(variables)) {
      if (this.env[name] !== undefined && !this.ours.has(name)) continue
      this.env[name] = value
      this.ours.add(name)
    }
  }

  /** Projects name the file that their authors keep to themselves: it may be missing. */
  private async read(path: string): Promise<Record<string, string>> {
    try {
      return parseEnv(await readFile(path, 'utf8')) as Record<string, string>
    } catch (error) {
      this.log.warn('graphs.env_file_unreadable', { path, reason: (error as Error).message })
      return {}
    }
  }
}

export const openEnvironment = (log: Log): GraphEnvironment => new GraphEnvironment(process.env, log)
