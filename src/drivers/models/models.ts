import type { Config } from '../../config.ts'
import { Fault } from '../../core/fault.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Clock, Log } from '../../core/needs.ts'
import { unlessAborted } from './abort.ts'
import { Listing } from './listing.ts'
import { OpenAIProvider } from './openai.ts'
import {
  type ChatStream,
  DEFAULT_MODEL,
  type Generated,
  type GenerateRequest,
  type GenerateSink,
  type ModelInfo,
  type Models,
} from './port.ts'
import type { Provider } from './provider.ts'
import { renamed, renamedChunks } from './rename.ts'
import { ECHO, SCRIPTED } from './script.ts'
import { ScriptedProvider } from './scripted.ts'

export interface ModelsParts {
  log: Log
  /** Absent: the system's. */
  clock?: Clock
}

/** Opens nothing: the first request to a provider is the first contact. */
export function openModels(config: Config['models'], parts: ModelsParts): Models {
  return new RoutedModels(config, { log: parts.log, clock: parts.clock ?? { now: () => Date.now() } })
}

const NO_DEFAULT = `No model is set up as the default. Name a model, list 'models' of a provider, or add the alias models.aliases.${DEFAULT_MODEL}.`

interface Route {
  provider: Provider
  /** The provider's own name for the model. */
  model: string
}

class RoutedModels implements Models {
  readonly #aliases: ReadonlyMap<string, string>
  readonly #claims = new Map<string, Provider>()
  readonly #providers = new Map<string, Provider>()
  readonly #scripted: ScriptedProvider
  readonly #fallback: Provider | null
  readonly #listing: Listing

  constructor(config: Config['models'], parts: { log: Log; clock: Clock }) {
    this.#aliases = new Map(Object.entries(config.aliases))
    this.#scripted = new ScriptedProvider(config.scripts, parts.clock)
    this.#providers.set(this.#scripted.name, this.#scripted)
    for (const stated of config.providers) {
      const provider = new OpenAIProvider(stated, { limits: config, ...parts })
      this.#providers.set(stated.name, provider)
      for (const model of stated.models) if (!this.#claims.has(model)) this.#claims.set(model, provider)
    }
    this.#fallback = config.defaultProvider === null ? null : this.#configured(config.defaultProvider)
    this.#listing = new Listing(parts.log, parts.clock)
  }

  require(model: string): void {
    this.#route(model)
  }

  async generate(request: GenerateRequest, sink: GenerateSink, signal: AbortSignal): Promise<Generated> {
    const { provider, model } = this.#route(request.model)
    return provider.generate(model === request.model ? request : { ...request, model }, sink, signal)
  }

  async complete(body: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    const { provider, model, asked } = this.#routeBody(body)
    return renamed(await provider.complete({ ...body, model }, signal), model, asked)
  }

  async completeStream(body: JsonObject, signal: AbortSignal): Promise<ChatStream> {
    const { provider, model, asked } = this.#routeBody(body)
    const stream = await provider.completeStream({ ...body, model }, signal)
    return model === asked ? stream : { chunks: renamedChunks(stream.chunks, asked) }
  }

  async embed(body: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    const { provider, model, asked } = this.#routeBody(body)
    return renamed(await provider.embed({ ...body, model }, signal), model, asked)
  }

  async list(signal: AbortSignal): Promise<ModelInfo[]> {
    const listings = [...this.#providers.values()].map((provider) => this.#listed(provider))
    const listed = new Map((await unlessAborted(Promise.all(listings), signal)).flat().map((info) => [info.id, info]))
    const configured = [...this.#aliases.keys(), ...this.#claims.keys()].flatMap((id) => listed.get(id) ?? this.#stated(id) ?? [])
    return [...new Map([...configured, ...listed.values()].map((info) => [info.id, info])).values()]
  }

  async find(model: string, signal: AbortSignal): Promise<ModelInfo | undefined> {
    const route = this.#find(model)
    if (!route) return undefined
    const listed = await unlessAborted(this.#listing.read(route.provider), signal)
    const info = listed.find((candidate) => candidate.id === route.model)
    return info ? { ...info, id: model } : this.#stated(model)
  }

  /** A name that the configuration or the scripted provider vouches for, whatever a provider lists. */
  #stated(model: string): ModelInfo | undefined {
    const route = this.#find(model)
    if (!route) return undefined
    const vouched = this.#aliases.has(model) || this.#claims.has(model) || route.provider === this.#scripted
    return vouched ? { id: model, ownedBy: route.provider.name, created: 0 } : undefined
  }

  /** The provider's models under names that lead back to it: with a prefix where the plain name would not. */
  async #listed(provider: Provider): Promise<ModelInfo[]> {
    const models = await this.#listing.read(provider)
    return models.map((info) => {
      const route = this.#find(info.id)
      return route?.provider === provider && route.model === info.id ? info : { ...info, id: `${provider.name}/${info.id}` }
    })
  }

  #routeBody({ model: asked }: JsonObject): Route & { asked: string } {
    if (typeof asked === 'string') return { ...this.#route(asked), asked }
    throw new Fault('invalid', "'model' must be the name of a model.", { param: 'model', reason: 'type' })
  }

  #route(model: string): Route {
    const route = this.#find(model)
    if (route) return route
    if (model === DEFAULT_MODEL) throw new Fault('model_not_found', NO_DEFAULT, { kind: 'model', id: model, param: 'model' })
    const advice = model.startsWith(`${SCRIPTED}/`)
      ? `Its models are '${ECHO}', 't<tokens>-d<delayMs>' and the names in models.scripts.`
      : `Set OPENAI_BASE_URL or OPENAI_API_KEY, or use the model '${ECHO}'.`
    throw new Fault('model_not_found', `No provider serves the model '${model}'. ${advice}`, { kind: 'model', id: model, param: 'model' })
  }

  #find(model: string): Route | undefined {
    const route = this.#resolve(this.#aliases.get(model) ?? model)
    return route?.provider.serves(route.model) ? route : undefined
  }

  #resolve(model: string): Route | undefined {
    const slash = model.indexOf('/')
    const named = slash > 0 && slash < model.length - 1 ? this.#providers.get(model.slice(0, slash)) : undefined
    if (named) return { provider: named, model: model.slice(slash + 1) }
    const claiming = this.#claims.get(model) ?? (this.#scripted.claims(model) ? this.#scripted : undefined)
    if (claiming) return { provider: claiming, model }
    if (model === DEFAULT_MODEL) return this.#default()
    return this.#fallback ? { provider: this.#fallback, model } : undefined
  }

  /** Where no alias says which model is the default: the first that the configuration names; without any provider, the echo. */
  #default(): Route | undefined {
    if (this.#providers.size === 1 || this.#fallback === this.#scripted) return { provider: this.#scripted, model: ECHO }
    const named = [...this.#claims].sort(([, a], [, b]) => Number(b === this.#fallback) - Number(a === this.#fallback))[0]
    return named && { provider: named[1], model: named[0] }
  }

  #configured(name: string): Provider {
    const provider = this.#providers.get(name)
    if (provider) return provider
    throw new Fault('internal', `models.defaultProvider: there is no provider '${name}'.`)
  }
}
