import { availableParallelism } from 'node:os'
import { bool, httpUrl, integer, networks, oneOf, pathPrefix, secret, sender, smtpUrl, text, textList } from './parsers.ts'
import { DAY, HOUR, MINUTE, nullable, SECOND, type Setting, setting } from './setting.ts'

/** As the clients of this API have always found them. */
const AUDIENCE = ['agent-api', 'analytics-service', 'billing-worker', 'support-console', 'synthetic-monitor']

/** Of the platform's surface, of signing in and up, and of mail. */
export const IDENTITY: Setting[] = [
  setting('platform.prefix', {
    parse: pathPrefix,
    fallback: '/api/v1',
    about: 'Path under which the platform surface stands; / is the root.',
  }),
  setting('platform.appUrl', {
    parse: nullable(httpUrl),
    fallback: null,
    fallbackText: 'http.public_url, else the address it serves on',
    alsoEnv: ['APP_PUBLIC_URL'],
    about: 'Where your web application stands: links in mails begin with it.',
  }),
  setting('platform.missingCredentials', {
    parse: oneOf('401', '403'),
    fallback: '401',
    about: 'Status of the platform surface for requests without credentials; servers of 2025 answered 403.',
  }),
  setting('auth.adminEmail', {
    parse: nullable(text),
    fallback: null,
    fallbackText: 'none',
    key: 'admin_email',
    about: 'E-mail address of the first operator, made at start where there is none. Needs admin_password_file.',
  }),
  setting('auth.adminPasswordFile', {
    parse: nullable(text),
    fallback: null,
    fallbackText: 'none',
    key: 'admin_password_file',
    about: 'File with the password of the first operator.',
  }),
  setting('auth.signup', {
    parse: oneOf('public', 'invite_only', 'approval'),
    fallback: 'invite_only',
    alsoEnv: ['SIGNUP_ACCESS_POLICY'],
    about: 'Who may register: everybody, who was invited, or whose request was approved.',
  }),
  setting('auth.verifiedEmail', {
    parse: bool,
    fallback: true,
    alsoEnv: ['REQUIRE_EMAIL_VERIFICATION'],
    about: 'Whether users need a verified e-mail address for more than their own account.',
  }),
  setting('auth.accessMs', { parse: integer(SECOND, DAY), fallback: 30 * MINUTE, about: 'How long an access token lives.' }),
  setting('auth.refreshMs', {
    parse: integer(MINUTE, 366 * DAY),
    fallback: 30 * DAY,
    about: 'How long a session lives that nobody uses.',
  }),
  setting('auth.refreshGraceMs', {
    parse: integer(0, 5 * MINUTE),
    fallback: 10 * SECOND,
    about: 'Time in which a refresh token that was just replaced may come again without ending its session.',
  }),
  setting('auth.failuresMax', {
    parse: integer(1, 100),
    fallback: 5,
    about: 'Wrong passwords for one e-mail address before it is locked.',
  }),
  setting('auth.lockMs', { parse: integer(SECOND, DAY), fallback: HOUR, about: 'How long an e-mail address is locked.' }),
  setting('auth.hashesAtOnce', {
    parse: integer(1, 64),
    fallback: Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2))),
    fallbackText: 'half of the cores, at most 4',
    about: 'Passwords this process compares at once: each takes 50 ms of a core and 19 MB.',
  }),
  setting('auth.issuer', { parse: text, fallback: 'tetraport', about: 'What access tokens name as their issuer.' }),
  setting('auth.audience', {
    parse: textList,
    fallback: AUDIENCE,
    fallbackText: AUDIENCE.join(', '),
    about: 'What access tokens name as their audience; one of them must be in each that is taken.',
  }),
  setting('auth.keySet', {
    parse: nullable(text),
    fallback: null,
    fallbackText: 'kept sealed in the database',
    about: 'File with the keys that sign tokens, to bring them from another server.',
  }),
  setting('auth.serviceSecret', {
    // Whoever has one signed request may try secrets at home.
    parse: nullable(secret(32)),
    fallback: null,
    fallbackText: 'none: such requests are refused',
    about: 'Signs the requests by which machines get tokens of service accounts.',
    secret: true,
  }),
  setting('auth.devLocal', {
    parse: bool,
    fallback: false,
    about: "Whether 'Bearer dev-local' is taken instead of such a signature. For development only.",
  }),
  setting('mail.smtpUrl', {
    parse: nullable(smtpUrl),
    fallback: null,
    fallbackText: 'mail is kept here, and its links are printed',
    alsoEnv: ['SMTP_URL'],
    about: 'Mail server, as smtp://user:password@host:587 or smtps://. Without TLS only on this machine, or with ?tls=optional.',
    secret: true,
  }),
  setting('mail.from', { parse: sender, fallback: 'tetraport@localhost', about: 'Sender of mail.' }),
  setting('mail.attemptsMax', { parse: integer(1, 100), fallback: 8, about: 'Attempts at a mail.' }),
  setting('http.trustedProxies', {
    parse: networks,
    fallback: [],
    fallbackText: 'none',
    about: 'Networks of proxies, such as 10.0.0.0/8, whose word on who calls is taken (X-Forwarded-For).',
  }),
]
