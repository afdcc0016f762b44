import { expect, test } from 'bun:test'
import type { NewMail } from '../../../src/core/mail/mail.ts'
import { composeMail } from '../../../src/core/mail/messages.ts'

const APP = 'https://app.example.com/agents'
const TOKEN = `${'0'.repeat(32)}.${'a'.repeat(64)}`
const EXPIRES = Date.UTC(2026, 10, 22, 9, 30)
const WITH_LINK = { to: 'ann@example.com', token: TOKEN, expiresAt: EXPIRES }
const compose = (about: NewMail) => composeMail(about, { appUrl: APP, made: { token: TOKEN, expiresAt: EXPIRES } })

const LINKS: [NewMail, string][] = [
  [{ kind: 'verify_email', ...WITH_LINK }, `${APP}/verify-email?token=${TOKEN}`],
  [{ kind: 'reset_password', to: 'ann@example.com' }, `${APP}/reset-password?token=${TOKEN}`],
  [{ kind: 'invite', ...WITH_LINK, tenantTitle: 'Acme', role: 'member' }, `${APP}/register?invite=${TOKEN}`],
  [{ kind: 'signup_approved', ...WITH_LINK }, `${APP}/register?invite=${TOKEN}`],
]

test.each(LINKS)('%o has its link, the code, and the end of both in either text', (about, link) => {
  const { text, html, ...mail } = compose(about)
  expect(mail).toMatchObject({ link, expiresAt: EXPIRES, subject: expect.stringContaining('app.example.com') })
  for (const said of [link, '2026-11-22 09:30 UTC']) {
    expect(text).toContain(said)
    expect(html).toContain(said)
  }
  expect(text.split('\n')).toContain(TOKEN)
  expect(html).toContain(`<code>${TOKEN}</code>`)
  expect(html).toContain(`<a href="${link}">`)
})

test('a link without an end does not claim to have one', () => {
  const { text, expiresAt } = compose({ kind: 'invite', ...WITH_LINK, expiresAt: null, tenantTitle: null, role: null })
  expect(expiresAt).toBeNull()
  expect(text).not.toContain('good until')
})

test('that a password was changed is told without any link', () => {
  const { link, html, text } = compose({ kind: 'password_changed', to: 'ann@example.com' })
  expect(link).toBeNull()
  expect(html + text).not.toMatch(/href|https?:/)
})

test('an invite names the tenant and the role', () => {
  const { subject, text } = compose({ kind: 'invite', ...WITH_LINK, tenantTitle: 'Acme', role: 'admin' })
  expect(subject).toBe('You are invited to "Acme" at app.example.com')
  expect(text).toContain('"Acme" at app.example.com as an admin')
})

test('the name of a tenant is neither markup, nor a header, nor a text of its own', () => {
  const tenantTitle = `<img src=x onerror="alert('1')">\r\nBcc: eve@example.com\u2028\u202e${'x'.repeat(500)}`
  const { subject, html, text } = compose({ kind: 'invite', ...WITH_LINK, tenantTitle, role: 'member' })
  expect(html).not.toContain('<img')
  expect(html).toContain('&lt;img')
  for (const told of [subject, text, html]) expect(told).not.toMatch(/[\r\u2028\u202e]/)
  expect(subject).not.toContain('\n')
  expect(subject.length).toBeLessThan(120)
  expect(text).not.toMatch(/^Bcc/m)
})

test('what a token holds cannot leave its place in a link', () => {
  const { link, html } = compose({ kind: 'invite', ...WITH_LINK, token: '"><script>&x=1#', tenantTitle: null, role: null })
  expect(link).toBe(`${APP}/register?invite=%22%3E%3Cscript%3E%26x%3D1%23`)
  expect(html).not.toContain('<script>')
})
