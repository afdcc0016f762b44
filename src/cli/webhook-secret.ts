import { webhookSecret } from '../core/webhooks/signature.ts'
import { asOperator, type Common } from './key.ts'
import type { Terminal } from './terminal.ts'

/** What receivers of webhooks check the signatures with. It stays the same as long as the database does. */
export async function showWebhookSecret(options: Common, terminal: Terminal): Promise<void> {
  const secret = await asOperator(options, terminal, (app, caller) => webhookSecret(app, caller.tenantId))
  terminal.out(options.json ? `${JSON.stringify({ secret })}\n` : `${secret}\n`)
}
