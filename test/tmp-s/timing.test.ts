import { test } from 'bun:test'
import { requestPasswordReset } from '../../src/core/sessions/passwords.ts'
import { signIn } from '../../src/core/sessions/sign-in.ts'
import { openTestApp } from '../support/app.ts'
import { newMember, refusalOf, OTHER_PASSWORD } from '../support/members.ts'
const median = (xs: number[]) => xs.toSorted((a, b) => a - b)[xs.length >> 1] ?? 0
test('timing', async () => {
  const app = await openTestApp({ auth: { failuresMax: 1_000_000 } })
  const member = await newMember(app, { tenantId: app.one.tenantId })
  await app.records.db.query('update credential set password_hash = $1', [await app.passwords.hash('Copper-otter-88-window')])
  const client = { ip: null, userAgent: 'x' }
  const ways: Record<string, (email: string) => Promise<unknown>> = {
    'sign-in': (email) => signIn(app, { email, password: OTHER_PASSWORD, client }),
    forgot: (email) => requestPasswordReset(app, { email, client }),
  }
  for (const [name, way] of Object.entries(ways)) {
    const times: Record<string, number[]> = { known: [], unknown: [] }
    for (let i = 0; i < 510; i++)
      for (const [kind, email] of i % 2 ? [['known', member.email], ['unknown', 'nobody@example.com']] as const : [['unknown', 'nobody@example.com'], ['known', member.email]] as const) {
        app.clock.advance(3_600_001)
        const t = performance.now()
        await refusalOf(way(email))
        if (i >= 10) times[kind]?.push(performance.now() - t)
      }
    console.log(name, 'known', median(times.known ?? []).toFixed(3), 'unknown', median(times.unknown ?? []).toFixed(3))
  }
  await app.close()
}, 300_000)
