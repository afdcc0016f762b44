import { namedId } from '../id.ts'
import type { JsonObject } from '../json.ts'

/** Tools that the server knows itself: every tenant has them, without rows. Nobody else's tool has such a name. */
export const HOSTED_NAMES = ['code_interpreter', 'web_search', 'vector_store_search', 'computer'] as const
export type HostedName = (typeof HOSTED_NAMES)[number]

const NAMESPACE = 'b9d1f0c2-5a0e-4d43-9a57-1c4f2f6f7a10'

/** The same on every server. */
export const hostedId = (name: HostedName): string => namedId(NAMESPACE, name)

export const isHostedName = (name: string): name is HostedName => (HOSTED_NAMES as readonly string[]).includes(name)

const texts = (...names: string[]): JsonObject => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
  required: names,
})

const DEFINITIONS: Record<HostedName, { description: string; parameters: JsonObject }> = {
  code_interpreter: { description: 'Runs Python code and tells what it printed.', parameters: texts('code') },
  web_search: { description: 'Looks something up on the web.', parameters: texts('query') },
  vector_store_search: { description: "Searches the documents in the assistant's vector stores.", parameters: texts('query') },
  computer: {
    description: 'Runs commands in a shell.',
    parameters: { type: 'object', properties: { commands: { type: 'array', items: { type: 'string' } } }, required: ['commands'] },
  },
}

export const hostedDefinition = (name: HostedName): JsonObject & { name: string } => ({ name, ...DEFINITIONS[name] })
