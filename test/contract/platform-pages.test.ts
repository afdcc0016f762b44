import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { operator } from '../../src/core/identity/tenants.ts'
import { claimInvite } from '../../src/core/sign-up/operator.ts'
import { RecordedLog } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { SERVER_START_MS, type Served, serve } from '../support/served.ts'
import { type Mailbox, outboxOf } from './platform-mails.ts'
import { type Browser, hasBrowser, openBrowser, type Page } from './use-stream/browser.ts'

const START_MS = 90_000
const EMAIL = 'first@example.com'
const PASSWORD = 'Harbour-lantern-42-quiet'
const OTHER = 'Seven-kites-over-Bergen-31'

/** As a person fills it in and presses the button. */
async function submit(page: Page, values: Record<string, string | boolean>): Promise<void> {
  await page.evaluate(`(() => {
    for (const [name, value] of Object.entries(${JSON.stringify(values)})) {
      const input = document.querySelector('[name="' + name + '"]')
      if (input.type === 'checkbox') input.checked = value; else input.value = value
    }
    document.querySelector('form').requestSubmit()
  })()`)
}

const told = (page: Page): Promise<string> =>
  eventually(async () => {
    const text = await page.evaluate<string>(`document.querySelector('[role=status]').textContent`)
    return text === '' || text.startsWith('One moment') ? undefined : text
  })

describe.skipIf(!hasBrowser('the pages of the platform'))('the pages of the platform, in a browser', () => {
  let served: Served
  let browser: Browser
  let mails: Mailbox
  beforeAll(async () => {
    const log = new RecordedLog()
    served = await serve({}, { jobs: true, log })
    mails = outboxOf(log)
    browser = await openBrowser()
  }, START_MS + SERVER_START_MS)
  afterAll(async () => {
    await browser?.close()
    await served?.close()
  })

  /** What the browser refused to run or load is in its console. */
  async function visit(path: string, values: Record<string, string | boolean>): Promise<string> {
    const page = await browser.open(`${served.url}${path}`)
    expect(await page.evaluate<string>('location.search')).toBe('')
    await submit(page, values)
    const sentence = await told(page)
    expect(page.console).toEqual([])
    await page.close()
    return sentence
  }

  /** Nothing is sent then. */
  async function isRefusedByBrowser(path: string, values: Record<string, string | boolean>): Promise<boolean> {
    const page = await browser.open(`${served.url}${path}`)
    await submit(page, values)
    const isValid = await page.evaluate<boolean>(`document.querySelector('form').checkValidity()`)
    const sentence = await page.evaluate<string>(`document.querySelector('[role=status]').textContent`)
    await page.close()
    return !isValid && sentence === ''
  }

  const canSignIn = async (password: string): Promise<boolean> =>
    (await served.send('POST', '/api/v1/auth/token', { email: EMAIL, password }, { key: null })).status === 200

  test(
    'a claim link makes an account, and a forgotten password is set anew by its mail',
    async () => {
      const { token } = await claimInvite(served.app, await operator(served.app))
      const form = { email: EMAIL, password: 'password password', tenant_name: 'Mine', accept_terms: true }
      const path = `/register?invite=${token}`
      expect(await isRefusedByBrowser(path, { ...form, accept_terms: false })).toBe(true)
      expect(await visit(path, { ...form, password: 'aaaaaaaaaaaaaaA' })).toContain('password')
      expect(await visit(path, { ...form, password: PASSWORD })).toStartWith('The account is made.')
      expect(await canSignIn(PASSWORD)).toBe(true)
      await served.send('POST', '/api/v1/auth/password/forgot', { email: EMAIL }, { key: null })
      const secret = await mails.secretTo(EMAIL, 'reset-password')
      expect(await visit(`/reset-password?token=${secret}`, { new_password: OTHER })).toStartWith('The password is set.')
      expect([await canSignIn(PASSWORD), await canSignIn(OTHER)]).toEqual([false, true])
      expect(await visit(`/reset-password?token=${secret}`, { new_password: PASSWORD })).not.toStartWith('The password is set.')
    },
    START_MS,
  )
})
