import { Fault } from '../core/fault.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { ToolChoice } from '../core/runs/runs.ts'

/** The hosted tool's type, and the name under which a model calls it. */
export const FILE_SEARCH = 'file_search'
export const QUERIES_MAX = 5

const SEARCH_FUNCTION: JsonObject = {
  type: 'function',
  function: {
    name: FILE_SEARCH,
    description:
      "Searches the files that the user or the assistant's author has provided, by meaning and by words. Use it whenever the answer may be in them. Each result comes with a marker to cite it by.",
    parameters: {
      type: 'object',
      properties: {
        queries: {
          type: 'array',
          description: 'What to look for: a question or keywords each, complete in itself, in the language of the files.',
          items: { type: 'string' },
          minItems: 1,
          maxItems: QUERIES_MAX,
        },
      },
      required: ['queries'],
      additionalProperties: false,
    },
  },
}

/** Hosted tools of other servers. A run may have them all the same: its model is not offered them, and told so when it calls one. */
const UNSERVED = new Set(['code_interpreter', 'web_search', 'computer'])

/** The tools of a run as its model is offered them. Models know functions only: a hosted tool is one that the server answers. */
export class Offer {
  readonly tools: JsonObject[]
  /** The definition of the file search, where the run has it. */
  readonly search: JsonObject | undefined
  private readonly unserved: ReadonlySet<string>
  private readonly names: ReadonlySet<string>

  constructor(tools: JsonObject[]) {
    this.search = tools.find((tool) => tool.type === FILE_SEARCH)
    this.unserved = new Set(tools.map(({ type }) => String(type)).filter((type) => UNSERVED.has(type)))
    const hosted = this.search !== undefined || this.unserved.size > 0
    const functions = hosted ? tools.filter((tool) => tool.type === 'function') : tools
    this.tools = this.search ? [SEARCH_FUNCTION, ...functions] : functions
    this.names = new Set(this.tools.map(nameOf))
  }

  /** Whether a text that says a call of this name may mean one. */
  readonly knows = (name: string): boolean => this.names.has(name) || this.unserved.has(name)

  /** The type of a call of this name, as steps show it. */
  readonly typeOf = (name: string): string => (this.search && name === FILE_SEARCH ? FILE_SEARCH : 'function')

  /**
   * Whether the server answers calls of this name. Beside hosted tools it also answers those of tools that do not exist: a
   * client of such a run may have no functions and wait for no calls.
   */
  readonly serves = (name: string): boolean =>
    this.unserved.has(name) || (this.search !== undefined && (name === FILE_SEARCH || !this.names.has(name)))

  /** What is said to a call of a tool that is not one of the offered. */
  readonly refusalOf = (name: string): string => {
    const others = [...this.names].join(', ')
    const what = this.unserved.has(name) ? `The tool '${name}' is not available on this server.` : `There is no tool named '${name}'.`
    return others === '' ? `${what} There are no tools; answer without.` : `${what} The tools are: ${others}.`
  }

  /** Throws Fault('invalid') for a choice of a hosted tool that the run does not have. */
  choice(choice: ToolChoice): Json {
    if (typeof choice !== 'object' || choice.type === 'function') return choice
    if (choice.type !== FILE_SEARCH || !this.search)
      throw new Fault('invalid', `The tool choice names '${String(choice.type)}', which is none of the run's tools.`)
    return { type: 'function', function: { name: FILE_SEARCH } }
  }
}

const nameOf = (tool: JsonObject): string => String((tool.function as JsonObject | undefined)?.name ?? '')
