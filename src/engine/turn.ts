import { AIMessage, type BaseMessage, ToolMessage } from '@langchain/core/messages'
import type { ToolCall } from '@langchain/core/messages/tool'
import { serverOf } from '../core/caller.ts'
import { newId } from '../core/id.ts'
import type { JsonObject } from '../core/json.ts'
import type { Needs } from '../core/needs.ts'
import type { IncompleteReason, StepCall, Usage } from '../core/runs/events.ts'
import type { Run, RunConfig } from '../core/runs/runs.ts'
import { clientKeyOf } from '../core/runs/secrets.ts'
import { spokenCall } from '../core/runs/spoken-call.ts'
import type { Citation } from '../core/threads/citation.ts'
import type { Generated, GenerateRequest } from '../drivers/models/port.ts'
import { citable } from './citations.ts'
import { type Host, SERVED } from './graphs/assistant.ts'
import { saidContent } from './half-message.ts'
import { hasImageFiles, Images } from './images.ts'
import { own } from './messages.ts'
import { FILE_SEARCH, Offer } from './offer.ts'
import { buildPrompt, estimateTokens } from './prompt.ts'
import type { CallAnswer, Recorder } from './recorder.ts'
import { FileSearch, type SearchNeeds } from './search.ts'
import { fitting, nextSearch, queriesOf, SEARCHES_MAX, searchMessage } from './search-answer.ts'

/** A turn stopped by the provider's content filter. */
export class Filtered extends Error {
  override readonly name = 'Filtered'
}

/** The model's part of a run: builds the prompt, records what comes back, keeps the budgets of the whole run. */
export class ModelHost implements Host {
  usage: Usage
  incomplete: IncompleteReason | null = null
  /** The run's first turn is still to come; the thread may end with turns of earlier runs. */
  private first: boolean
  private readonly offer: Offer
  private searcher: FileSearch | undefined
  private images: Images | undefined

  constructor(
    private readonly app: SearchNeeds & Needs<'files' | 'vault'>,
    private readonly run: Run,
    private readonly parts: {
      recorder: Recorder
      contextTokens: number
      attempt: number
      /** True where an earlier claim of this run has taken a turn. */
      begun: boolean
      /** Fires when the run is to stop. */
      signal: AbortSignal
      beforeEnd(): void
    },
  ) {
    this.first = !parts.begun
    this.offer = new Offer(run.config.tools)
    this.usage = run.usage ?? { promptTokens: 0, completionTokens: 0, totalTokens: 0 }
  }

  async turn(messages: BaseMessage[]): Promise<BaseMessage[]> {
    const { config } = this.run
    const { recorder } = this.parts
    const left = this.budgets()
    if (left.completion !== null && left.completion <= 0) return this.stop('max_completion_tokens')
    const prompt = buildPrompt(messages, config, Math.min(left.prompt ?? Number.POSITIVE_INFINITY, this.parts.contextTokens))
    if (left.prompt !== null && prompt.tokens > left.prompt) return this.stop('max_prompt_tokens')
    const turns = turnsSoFar(messages)
    recorder.beginTurn({
      parallelToolCalls: config.parallelToolCalls,
      usedCallIds: callIds(messages),
      typeOf: this.offer.typeOf,
      files: citable(messages),
    })
    const request: GenerateRequest = {
      model: config.model,
      messages: hasImageFiles(prompt.messages) ? await this.showImages(prompt.messages) : prompt.messages,
      tools: this.offer.tools,
      options: optionsOf(config, this.offer, { first: this.first, completion: left.completion }),
      attemptKey: `${this.run.id}:${turns}:${this.parts.attempt}`,
      ...(await this.lentKey()),
    }
    this.first = false
    const generated = await this.generate(request, prompt.tokens)
    const usage = generated.usage ?? estimated(generated, prompt.tokens)
    this.usage = add(this.usage, usage)
    this.parts.beforeEnd()
    return this.finish(generated, usage)
  }

  private async lentKey(): Promise<{ apiKey?: string }> {
    const apiKey = this.run.config.clientKey ? await clientKeyOf(this.app, this.run) : undefined
    return apiKey === undefined ? {} : { apiKey }
  }

  private showImages(messages: GenerateRequest['messages']): Promise<GenerateRequest['messages']> {
    this.images ??= new Images(this.app, serverOf(this.run.tenantId), this.parts.signal)
    return this.images.show(messages)
  }

  /** Searches at once, numbered in the order of the calls. */
  async serve(calls: readonly ToolCall[], messages: BaseMessage[]): Promise<BaseMessage[]> {
    const { recorder, signal } = this.parts
    const searches = calls.filter((call) => this.offer.typeOf(call.name) === FILE_SEARCH)
    const answers = await Promise.all(
      calls.map((call) => {
        const nth = searches.indexOf(call)
        return nth < 0 ? noSuchTool(call, this.offer) : this.search(call, { nth, of: searches.length, messages })
      }),
    )
    signal.throwIfAborted()
    this.parts.beforeEnd()
    recorder.answerCalls(answers)
    return answers.map(({ message }) => message)
  }

  private async search(call: ToolCall, { nth, of, messages }: { nth: number; of: number; messages: BaseMessage[] }): Promise<Answered> {
    this.searcher ??= new FileSearch(this.app, this.run, { tool: this.offer.search, signal: this.parts.signal })
    const found =
      nth < SEARCHES_MAX
        ? fitting(await this.searcher.find(queriesOf(call.args, messages)), of)
        : this.searcher.refuse(`Not searched: at most ${SEARCHES_MAX} searches are done at once. Several queries fit into one.`)
    const id = call.id ?? ''
    return { id, output: null, detail: { ...found.detail }, message: searchMessage(id, nextSearch(messages) + nth, found) }
  }

  /** A turn that breaks off has cost something too, though no provider says what. */
  private async generate(request: GenerateRequest, promptTokens: number): Promise<Generated> {
    const { recorder, signal } = this.parts
    try {
      const generated = await this.app.models.generate(request, recorder, signal)
      signal.throwIfAborted()
      return generated
    } catch (error) {
      const spent = recorder.count((said) => estimated(said, promptTokens))
      if (spent) this.usage = add(this.usage, spent)
      throw error
    }
  }

  private finish(generated: Generated, usage: Usage): BaseMessage[] {
    const { recorder } = this.parts
    if (generated.finish === 'content_filter') throw new Filtered('The answer was stopped by the content filter.')
    this.readSpokenCall(generated)
    const { messageId: id, annotations, calls } = recorder.turn()
    if (generated.finish !== 'length') {
      recorder.endTurn(usage)
      return [answer({ id, generated, annotations, calls, served: calls.filter((c) => this.offer.serves(c.name)).map((c) => c.id) })]
    }
    this.incomplete = 'max_completion_tokens'
    recorder.endTurn(usage, 'max_tokens')
    recorder.cutOff({ cut: 'max_tokens', step: 'completed', error: null })
    return generated.text || generated.refusal ? [answer({ id, generated, annotations, calls: [], served: [] })] : []
  }

  /** Models that were never taught to call write the call down. */
  private readSpokenCall({ text, calls, finish }: Generated): void {
    const { textCalls, toolChoice } = this.run.config
    if (!textCalls || calls.length > 0 || finish !== 'stop' || toolChoice === 'none') return
    const spoken = spokenCall(text, this.offer.knows)
    if (spoken) this.parts.recorder.spokenCall(spoken.name, spoken.arguments)
  }

  private stop(reason: IncompleteReason): BaseMessage[] {
    this.parts.beforeEnd()
    this.incomplete = reason
    return []
  }

  /** Budgets are for the run, not for a turn: each turn gets what is left. */
  private budgets(): { prompt: number | null; completion: number | null } {
    const { maxPromptTokens, maxCompletionTokens } = this.run.config
    return {
      prompt: maxPromptTokens === null ? null : maxPromptTokens - this.usage.promptTokens,
      completion: maxCompletionTokens === null ? null : maxCompletionTokens - this.usage.completionTokens,
    }
  }
}

/** Model turns since the client last spoke. */
function turnsSoFar(messages: BaseMessage[]): number {
  let turns = 0
  for (let i = messages.length - 1; i >= 0 && messages[i]?.getType() !== 'human'; i--) if (messages[i]?.getType() === 'ai') turns++
  return turns
}

const callIds = (messages: BaseMessage[]): string[] =>
  messages.flatMap((m) => (AIMessage.isInstance(m) ? (m.tool_calls ?? []).map((c) => c.id ?? '') : []))

type Answered = CallAnswer & { message: ToolMessage }

/** A model that calls what it was not offered can do better when it is told. */
function noSuchTool({ id = '', name }: ToolCall, offer: Offer): Answered {
  const output = offer.refusalOf(name)
  return { id, output, message: own(new ToolMessage({ id: newId(), content: output, tool_call_id: id, name })) }
}

function optionsOf(config: RunConfig, offer: Offer, turn: { first: boolean; completion: number | null }): JsonObject {
  const options: JsonObject = {}
  if (config.temperature !== null) options.temperature = config.temperature
  if (config.topP !== null) options.top_p = config.topP
  if (config.responseFormat !== null && config.responseFormat !== 'auto') options.response_format = config.responseFormat
  if (config.reasoningEffort !== null) options.reasoning_effort = config.reasoningEffort
  if (turn.completion !== null) options.max_completion_tokens = turn.completion
  const choice = offer.choice(config.toolChoice)
  if (config.tools.length > 0) {
    if (!config.parallelToolCalls) options.parallel_tool_calls = false
    const forced = config.toolChoice === 'required' || typeof config.toolChoice === 'object'
    // A forced choice holds for the first turn only: at every turn it would never end.
    if (config.toolChoice !== 'auto' && (!forced || turn.first)) options.tool_choice = choice
  }
  return options
}

function estimated(said: Pick<Generated, 'text' | 'calls'>, promptTokens: number): Usage {
  const calls = said.calls.map((c) => ({ id: c.id, type: 'function' as const, function: { name: c.name, arguments: c.arguments } }))
  const completionTokens = estimateTokens({ role: 'assistant', content: said.text, tool_calls: calls })
  return { promptTokens, completionTokens, totalTokens: promptTokens + completionTokens }
}

const add = (a: Usage, b: Usage): Usage => ({
  promptTokens: a.promptTokens + b.promptTokens,
  completionTokens: a.completionTokens + b.completionTokens,
  totalTokens: a.totalTokens + b.totalTokens,
  ...(a.cachedTokens === undefined && b.cachedTokens === undefined ? {} : { cachedTokens: (a.cachedTokens ?? 0) + (b.cachedTokens ?? 0) }),
})

interface Turn {
  id: string | undefined
  generated: Generated
  annotations: Citation[]
  calls: StepCall[]
  /** Ids of the calls that the server answers. */
  served: string[]
}

function answer({ id, generated, annotations, calls, served }: Turn): AIMessage {
  const raw: Record<string, string> = {}
  const toolCalls = calls.map((call) => {
    const args = parseArguments(call.arguments)
    if (JSON.stringify(args) !== call.arguments) raw[call.id] = call.arguments
    return { id: call.id, name: call.name, args, type: 'tool_call' as const }
  })
  // What the model wrote, to the letter: arguments need not be JSON.
  const kept = { ...(Object.keys(raw).length ? { arguments: raw } : {}), ...(served.length ? { [SERVED]: served } : {}) }
  const message = new AIMessage({
    id: id ?? newId(),
    content: saidContent({ ...generated, annotations }) as string,
    tool_calls: toolCalls,
    ...(Object.keys(kept).length ? { additional_kwargs: kept } : {}),
  })
  return own(message)
}

function parseArguments(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
