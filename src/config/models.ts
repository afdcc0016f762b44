import type { ScriptTurn } from '../drivers/models/port.ts'
import { httpUrl, isTable, text, textList } from './parsers.ts'
import type { ProviderConfig } from './schema.ts'
import { didYouMean } from './suggest.ts'

export interface CustomaryOpenai {
  baseUrl: string | null
  apiKey: string | null
}

type Environment = Readonly<Record<string, string | undefined>>
type Report = (mistake: string) => void

const OPENAI_URL = 'https://api.openai.com/v1'
const PROVIDER_KEYS = ['name', 'base_url', 'api_key', 'api_key_env', 'models']
const TURN_KEYS = ['waitMs', 'text', 'pauseMs', 'refusal', 'calls', 'finish', 'usage', 'fail']

export function readProviders(raw: unknown, env: Environment, report: Report): ProviderConfig[] {
  if (!Array.isArray(raw)) {
    report('models.providers: expected [[models.providers]] tables')
    return []
  }
  const providers: ProviderConfig[] = []
  raw.forEach((table: unknown, index) => {
    const provider = readProvider(table, env, (mistake) => report(`models.providers[${index}]${mistake}`))
    if (!provider) return
    if (providers.some((other) => other.name === provider.name))
      report(`models.providers[${index}].name: '${provider.name}' is there twice`)
    else providers.push(provider)
  })
  return providers
}

function readProvider(table: unknown, env: Environment, report: Report): ProviderConfig | undefined {
  if (!isTable(table)) {
    report(': expected a table')
    return undefined
  }
  for (const key of Object.keys(table)) {
    if (!PROVIDER_KEYS.includes(key)) report(`.${key}: unknown key.${didYouMean(key, PROVIDER_KEYS)}`)
  }
  const name = field(table, 'name', report, providerName)
  const baseUrl = field(table, 'base_url', report, httpUrl)
  const models = table.models === undefined ? [] : field(table, 'models', report, textList)
  const apiKey = providerKey(table, env, report)
  if (name === undefined || baseUrl === undefined || models === undefined || apiKey === undefined) return undefined
  return { name, baseUrl, apiKey, models }
}

function field<T>(table: Record<string, unknown>, key: string, report: Report, parse: (raw: unknown) => T): T | undefined {
  if (table[key] === undefined) {
    report(`.${key}: missing`)
    return undefined
  }
  try {
    return parse(table[key])
  } catch (error) {
    report(`.${key}: ${(error as Error).message}`)
    return undefined
  }
}

function providerName(raw: unknown): string {
  const name = text(raw)
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw new Error(`'${name}' is not a name: use letters, digits, dots and dashes`)
  if (name === 'scripted') throw new Error("'scripted' is the built-in provider")
  return name
}

function providerKey(table: Record<string, unknown>, env: Environment, report: Report): string | null | undefined {
  const { api_key: key, api_key_env: variable } = table
  if (key !== undefined && variable !== undefined) report('.api_key: state api_key or api_key_env, not both')
  else if (key !== undefined) {
    if (typeof key === 'string' && key !== '') return key
    report('.api_key: expected a text')
  } else if (variable === undefined) return null
  else if (typeof variable !== 'string') report('.api_key_env: expected the name of an environment variable')
  else if (env[variable]) return env[variable]
  else report(`.api_key_env: the environment variable ${variable} is not set`)
  return undefined
}

/** The customary variables speak for the provider `openai` and win over what the file says about it, field by field. */
export function withOpenai(providers: ProviderConfig[], openai: CustomaryOpenai): ProviderConfig[] {
  if (openai.baseUrl === null && openai.apiKey === null) return providers
  const known = providers.find((provider) => provider.name === 'openai')
  const merged: ProviderConfig = {
    name: 'openai',
    baseUrl: openai.baseUrl ?? known?.baseUrl ?? OPENAI_URL,
    // A key belongs to the address it was stated with: never send the file's key to another base URL.
    apiKey: openai.apiKey ?? (openai.baseUrl === null ? (known?.apiKey ?? null) : null),
    models: known?.models ?? [],
  }
  return known ? providers.map((provider) => (provider === known ? merged : provider)) : [merged, ...providers]
}

export function chooseDefault(stated: string | null, providers: ProviderConfig[], report: Report): string | null {
  const names = providers.map((provider) => provider.name)
  if (stated === null) return names.includes('openai') ? 'openai' : (names[0] ?? null)
  if (stated !== 'scripted' && !names.includes(stated)) {
    report(`models.default_provider: there is no provider '${stated}'.${didYouMean(stated, names)}`)
  }
  return stated
}

/** `{"model name": [turn, ...]}` */
export function readScripts(json: string, report: Report): Record<string, ScriptTurn[]> {
  const scripts = parseObject(json)
  if (!scripts) {
    report('models.scripts_file: expected a JSON object of model names, each with a list of turns')
    return {}
  }
  const checked: Record<string, ScriptTurn[]> = {}
  for (const [model, turns] of Object.entries(scripts)) {
    const valid =
      Array.isArray(turns) &&
      turns.length > 0 &&
      turns.every((turn, index) => isTurn(turn, (fault) => report(`models.scripts_file: ${model}[${index}]${fault}`)))
    if (valid) checked[model] = turns as ScriptTurn[]
    else if (!Array.isArray(turns) || turns.length === 0) report(`models.scripts_file: ${model}: expected a list of turns`)
  }
  return checked
}

function parseObject(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return isTable(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isTurn(turn: unknown, report: Report): boolean {
  if (!isTable(turn)) {
    report(': expected an object')
    return false
  }
  const unknown = Object.keys(turn).find((key) => !TURN_KEYS.includes(key))
  if (unknown !== undefined) report(`.${unknown}: unknown key.${didYouMean(unknown, TURN_KEYS)}`)
  const { text: chunks, calls } = turn
  const badText = chunks !== undefined && !(Array.isArray(chunks) && chunks.every((chunk) => typeof chunk === 'string'))
  if (badText) report('.text: expected a list of texts')
  const badCalls = calls !== undefined && !(Array.isArray(calls) && calls.every((call) => isTable(call) && typeof call.name === 'string'))
  if (badCalls) report('.calls: expected a list of objects with a name')
  return unknown === undefined && !badText && !badCalls
}
