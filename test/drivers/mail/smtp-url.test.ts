import { expect, test } from 'bun:test'
import { readSmtpUrl } from '../../../src/drivers/mail/smtp-url.ts'

test('over a network TLS is required, and certificates are checked', () => {
  expect(readSmtpUrl('smtp://mail.example.com')).toEqual({
    ...{ host: 'mail.example.com', port: 587, implicitTls: false, tlsRequired: true, certificateChecked: true },
  })
  expect(readSmtpUrl('smtps://mail.example.com')).toEqual({
    ...{ host: 'mail.example.com', port: 465, implicitTls: true, tlsRequired: false, certificateChecked: true },
  })
})

test.each(['localhost', '127.0.0.1', '127.9.9.9', '[::1]'])('on this machine (%s) mail may go without TLS', (host) => {
  const target = readSmtpUrl(`smtp://${host}:1025`)
  expect(target).toMatchObject({ host: host.replace(/[[\]]/g, ''), port: 1025, tlsRequired: false, certificateChecked: false })
})

test.each(['localhost.example.com', '127.0.0.1.example.com', '10.0.0.1', '128.0.0.1'])('%s is not this machine', (host) => {
  expect(readSmtpUrl(`smtp://${host}`)).toMatchObject({ tlsRequired: true, certificateChecked: true })
})

test('an operator can allow mail without TLS, and require it on this machine', () => {
  expect(readSmtpUrl('smtp://mail?tls=optional')).toMatchObject({ tlsRequired: false, certificateChecked: true })
  expect(readSmtpUrl('smtp://localhost?tls=required')).toMatchObject({ tlsRequired: true, certificateChecked: true })
})

test('user and password may hold any character', () => {
  expect(readSmtpUrl('smtp://me%40example.com:p%3A%2F%C3%BC@mail').login).toEqual({ user: 'me@example.com', pass: 'p:/ü' })
  expect(readSmtpUrl('smtp://mail').login).toBeUndefined()
})
