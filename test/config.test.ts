import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { appUrlOf } from '../src/app.ts'
import { SETTINGS } from '../src/config/settings.ts'
import type { ConfigInput } from '../src/config.ts'
import { ConfigError, describeSettings, maskConfig, readConfig, settingsTable } from '../src/config.ts'
import { ROOT } from './support/source-tree.ts'

const toml = (text: string) => ({ path: 'tetraport.toml', text })

function mistakesOf(input: ConfigInput): readonly string[] {
  try {
    readConfig(input)
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes
    throw error
  }
  return []
}

describe('defaults', () => {
  test('an empty environment is a working server', () => {
    const { config, origins } = readConfig({})
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 8787 })
    expect(config.records.url).toBeNull()
    expect(config.models).toMatchObject({ providers: [], defaultProvider: null, aliases: {}, scripts: {} })
    expect(new Set(Object.values(origins))).toEqual(new Set(['default']))
  })

  test('the data folder is ./data for a user and a system folder for root', () => {
    const host = { cwd: '/srv/app', root: false, readText: () => '' }
    expect(readConfig({ host }).config.data.dir).toBe('/srv/app/data')
    expect(readConfig({ host: { ...host, root: true } }).config.data.dir).toBe('/var/lib/tetraport')
    expect(readConfig({ host: { ...host, root: true }, flags: { data: 'mine' } }).config.data.dir).toBe('/srv/app/mine')
  })

  test('two readings share no object', () => {
    readConfig({}).config.http.corsOrigins.push('https://evil.example')
    readConfig({}).config.listen.port = 1
    expect(readConfig({}).config).toMatchObject({ http: { corsOrigins: ['*'] }, listen: { port: 8787 } })
  })
})

describe('precedence', () => {
  const file = toml('listen = "127.0.0.1:3"\ndata = "from-file"\n[records]\nurl = "postgres://file/db"\n')

  test('flags win over the environment, which wins over the file, which wins over defaults', () => {
    const env = { TETRAPORT_LISTEN: '127.0.0.1:2', TETRAPORT_DATA: 'from-env' }
    const { config, origins } = readConfig({ flags: { listen: '127.0.0.1:1' }, env, file })
    expect(config.listen.port).toBe(1)
    expect(config.data.dir).toBe('from-env')
    expect(config.records.url).toBe('postgres://file/db')
    expect(origins).toMatchObject({
      listen: 'flag --listen',
      data: 'environment TETRAPORT_DATA',
      'records.url': 'file tetraport.toml',
      'log.level': 'default',
    })
  })

  test('the own variable wins over the customary one', () => {
    const env = { DATABASE_URL: 'postgres://customary/db', TETRAPORT_RECORDS_URL: 'postgres://own/db' }
    expect(readConfig({ env }).config.records.url).toBe('postgres://own/db')
    expect(readConfig({ env: { DATABASE_URL: env.DATABASE_URL }, file }).config.records.url).toBe('postgres://customary/db')
  })

  test('an empty variable counts as absent', () => {
    expect(readConfig({ env: { TETRAPORT_DATA: '', DATABASE_URL: '' } }).config.data.dir).toBe('./data')
  })
})

describe('mistakes', () => {
  test('all are reported at once', () => {
    const found = mistakesOf({
      flags: { listen: 'nowhere' },
      env: { TETRAPORT_ENGINE_SLOTS: '-1', TETRAPORT_LOG_LEVEL: 'loud' },
      file: toml('[http]\njson_depth_max = 5000\n'),
    })
    expect(found).toHaveLength(4)
    expect(found.join('\n')).toContain("listen (flag --listen): expected host:port, got 'nowhere'")
    expect(found.join('\n')).toContain('engine.slots (environment TETRAPORT_ENGINE_SLOTS): expected 0 to 10000, got -1')
    expect(found.join('\n')).toContain('http.json_depth_max (file tetraport.toml): expected 8 to 1000, got 5000')
  })

  test('unknown names are refused with a suggestion', () => {
    expect(mistakesOf({ flags: { lisen: 'x' } })).toEqual(["unknown flag '--lisen'. Did you mean 'listen'?"])
    expect(mistakesOf({ env: { TETRAPORT_LITSEN: 'x' } })).toEqual([
      "unknown environment variable TETRAPORT_LITSEN. Did you mean 'TETRAPORT_LISTEN'?",
    ])
    expect(mistakesOf({ file: toml('[engine]\nslot = 3\n') })).toEqual([
      "tetraport.toml: unknown key 'engine.slot'. Did you mean 'engine.slots'?",
    ])
    expect(mistakesOf({ file: toml('zzzzzzzzzzzz = 1\n') })).toEqual(["tetraport.toml: unknown key 'zzzzzzzzzzzz'."])
  })

  test('variables of other programs are nobody’s business', () => {
    expect(mistakesOf({ env: { PATH: '/bin', TETRA: 'x', TETRAPORT_CONFIG: 'x' } })).toEqual([])
  })

  test('a port out of range, a half address and a file that is no TOML are mistakes', () => {
    expect(mistakesOf({ flags: { listen: '127.0.0.1:70000' } })).toHaveLength(1)
    expect(mistakesOf({ flags: { listen: '127.0.0.1:' } })).toHaveLength(1)
    expect(mistakesOf({ file: toml('listen = ') })[0]).toContain('TOML Parse error')
    expect(mistakesOf({ env: { TETRAPORT_OPENAI_PREFIX: '/health' } })[0]).toContain('taken by the server itself')
  })

  test('half an S3 store is a mistake', () => {
    const store = { TETRAPORT_FILES_S3_BUCKET: 'b', TETRAPORT_FILES_S3_ACCESS_KEY_ID: 'a', TETRAPORT_FILES_S3_SECRET_ACCESS_KEY: 's' }
    expect(mistakesOf({ env: store })).toEqual([])
    expect(mistakesOf({ env: { ...store, TETRAPORT_FILES_S3_SECRET_ACCESS_KEY: '' } })[0]).toContain('belong together')
    expect(mistakesOf({ env: { ...store, TETRAPORT_FILES_S3_BUCKET: '' } })[0]).toContain('files.s3_bucket is missing')
    expect(mistakesOf({ env: { TETRAPORT_FILES_S3_ENDPOINT: 'http://127.0.0.1:9000' } })[0]).toContain('files.s3_bucket is missing')
    expect(readConfig({ env: { TETRAPORT_HTTP_PUBLIC_URL: 'https://files.example/' } }).config.http.publicUrl).toBe('https://files.example')
    expect(mistakesOf({ env: { TETRAPORT_OPENAI_PREFIX: '/objects' } })[0]).toContain('taken by the server itself')
  })

  test('a vectors adapter that lacks its server is a mistake', () => {
    expect(mistakesOf({ env: { TETRAPORT_VECTORS_ADAPTER: 'qdrant' } })[0]).toContain('vectors.qdrant_url is missing')
    expect(mistakesOf({ env: { TETRAPORT_VECTORS_ADAPTER: 'qdrant', QDRANT_URL: 'http://127.0.0.1:6333' } })).toEqual([])
    expect(mistakesOf({ env: { TETRAPORT_VECTORS_ADAPTER: 'pgvector' } })[0]).toContain('records.url')
    expect(mistakesOf({ env: { TETRAPORT_VECTORS_ADAPTER: 'pgvector', DATABASE_URL: 'postgres://h/d' } })).toEqual([])
  })

  test('no mistake repeats a secret', () => {
    const found = mistakesOf({
      env: { DATABASE_URL: 'mysql://u:hunter2@h/d' },
      file: toml('bootstrap_key = 4242\n[[models.providers]]\nname = "p"\nbase_url = "http://p"\napi_key = "hunter2"\napi_key_env = "X"\n'),
    })
    expect(found).toHaveLength(3)
    expect(found.join('\n')).not.toMatch(/hunter2|4242/)
    expect(mistakesOf({ file: toml('bootstrap_key = hunter2') }).join('\n')).not.toContain('hunter2')
  })
})

describe('values', () => {
  test('addresses come in every customary spelling', () => {
    const listen = (text: string) => readConfig({ flags: { listen: text } }).config.listen
    expect(listen('0.0.0.0:0')).toEqual({ host: '0.0.0.0', port: 0 })
    expect(listen('[::1]:80')).toEqual({ host: '::1', port: 80 })
    expect(listen(':80')).toEqual({ host: '0.0.0.0', port: 80 })
    expect(listen('8080')).toEqual({ host: '127.0.0.1', port: 8080 })
    expect(listen('localhost:1')).toEqual({ host: 'localhost', port: 1 })
  })

  test('a bootstrap key is any text, spaces included', () => {
    expect(readConfig({ env: { TETRAPORT_BOOTSTRAP_KEY: ' My API Key ' } }).config.auth.bootstrapKey).toBe(' My API Key ')
  })

  test('the places of two surfaces may not be one', () => {
    const mistakes = (env: Record<string, string>) => mistakesOf({ env })
    expect(mistakes({ TETRAPORT_ENTITIES_PREFIX: '/' })).toEqual([
      "entities.prefix: '/' and '/v1' are its places, and openai.prefix is '/v1'. Use entities.listen.",
    ])
    expect(mistakes({ TETRAPORT_ENTITIES_PREFIX: '/langgraph' })).toHaveLength(1)
    expect(mistakes({ TETRAPORT_ENTITIES_PREFIX: '/', TETRAPORT_OPENAI_PREFIX: '/openai' })).toEqual([])
  })

  test('prefixes lose the slash at their end, and / is the root', () => {
    const prefix = (text: string) => readConfig({ env: { TETRAPORT_OPENAI_PREFIX: text } }).config.openai.prefix
    expect([prefix('/v1/'), prefix('/a/b'), prefix('/')]).toEqual(['/v1', '/a/b', ''])
  })
})

test('links of mails lead to an address that can be reached, unless one is stated', () => {
  const at = (env: Record<string, string>) => appUrlOf(readConfig({ env }).config)
  expect(at({ TETRAPORT_LISTEN: ':9000' })).toBe('http://localhost:9000')
  expect(at({ TETRAPORT_LISTEN: '[::1]:9000' })).toBe('http://[::1]:9000')
  expect(at({ TETRAPORT_LISTEN: ':9000', TETRAPORT_HTTP_PUBLIC_URL: 'https://api.example.com' })).toBe('https://api.example.com')
  const both = { TETRAPORT_HTTP_PUBLIC_URL: 'https://api.example.com', APP_PUBLIC_URL: 'https://app.example.com' }
  expect(at(both)).toBe('https://app.example.com')
})

describe('models', () => {
  const models = (input: ConfigInput) => readConfig(input).config.models

  test('OPENAI_BASE_URL and OPENAI_API_KEY define the default provider', () => {
    expect(models({ env: { OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1/' } })).toMatchObject({
      defaultProvider: 'openai',
      providers: [{ name: 'openai', baseUrl: 'http://127.0.0.1:11434/v1', apiKey: null, models: [] }],
    })
    expect(models({ env: { OPENAI_API_KEY: 'sk-1' } }).providers[0]).toMatchObject({ baseUrl: 'https://api.openai.com/v1', apiKey: 'sk-1' })
  })

  test('providers of the file keep their order, and the first is the default', () => {
    const file = toml(`
      [[models.providers]]
      name = "local"
      base_url = "http://127.0.0.1:1/v1"
      models = ["small", "large"]
      [[models.providers]]
      name = "far"
      base_url = "https://far.example/v1"
      api_key_env = "FAR_KEY"
      [models.aliases]
      "gpt-4o" = "far/big"
    `)
    expect(models({ file, env: { FAR_KEY: 'k' } })).toMatchObject({
      defaultProvider: 'local',
      aliases: { 'gpt-4o': 'far/big' },
      providers: [
        { name: 'local', models: ['small', 'large'] },
        { name: 'far', apiKey: 'k' },
      ],
    })
    expect(models({ file, env: { FAR_KEY: 'k', OPENAI_API_KEY: 'sk' } }).defaultProvider).toBe('openai')
    expect(mistakesOf({ file })).toEqual(['models.providers[1].api_key_env: the environment variable FAR_KEY is not set'])
  })

  test('the key of the file is not sent to the base URL of the environment', () => {
    const file = toml('[[models.providers]]\nname = "openai"\nbase_url = "https://a.example"\napi_key = "secret"\n')
    expect(models({ file, env: { OPENAI_BASE_URL: 'http://b.example' } }).providers).toEqual([
      { name: 'openai', baseUrl: 'http://b.example', apiKey: null, models: [] },
    ])
    expect(models({ file }).providers[0]?.apiKey).toBe('secret')
  })

  test('a provider that is misspelt, doubled or unknown is a mistake', () => {
    const file = toml(
      '[[models.providers]]\nname = "a"\nbaseurl = "http://x"\n[[models.providers]]\nname = "scripted"\nbase_url = "ftp://x"\n',
    )
    const found = mistakesOf({ file })
    expect(found).toContain("models.providers[0].baseurl: unknown key. Did you mean 'base_url'?")
    expect(found).toContain('models.providers[0].base_url: missing')
    expect(found).toContain("models.providers[1].name: 'scripted' is the built-in provider")
    expect(mistakesOf({ env: { OPENAI_API_KEY: 'k', TETRAPORT_MODELS_DEFAULT_PROVIDER: 'opnai' } })).toEqual([
      "models.default_provider: there is no provider 'opnai'. Did you mean 'openai'?",
    ])
  })

  test('scripts come from a JSON file and are checked', () => {
    const env = { TETRAPORT_MODELS_SCRIPTS_FILE: 'scripts.json' }
    const host = (text: string) => ({ cwd: '/', root: false, readText: () => text })
    expect(models({ env, host: host('{"weather":[{"text":["Sun","ny"]}]}') }).scripts).toEqual({ weather: [{ text: ['Sun', 'ny'] }] })
    expect(mistakesOf({ env, host: host('{"weather":[{"txt":["Sunny"]}]}') })).toEqual([
      "models.scripts_file: weather[0].txt: unknown key. Did you mean 'text'?",
    ])
    expect(mistakesOf({ env, host: host('[]') })).toHaveLength(1)
    expect(mistakesOf({ env })).toHaveLength(1)
  })
})

describe('mail', () => {
  test.each(['smtp://mail', 'smtps://me:p%25@mail:465', 'smtp://mail?tls=optional', 'smtp://mail:25?tls=required', 'smtp://[::1]:1025'])(
    'mail goes to %s',
    (url) => {
      expect(readConfig({ env: { SMTP_URL: url } }).config.mail.smtpUrl).toBe(url)
    },
  )

  test.each([
    'http://me:hunter2@mail',
    'smtp://',
    'hunter2',
    'smtp://me:hunter2%@mail',
    'smtp://me:hunter2@mail?tls=off',
    'smtp://me:hunter2@mail?tls=optional&pool=true',
    'smtps://me:hunter2@mail?tls=optional',
  ])('%s is no mail server, and its password is not repeated', (url) => {
    const mistakes = mistakesOf({ env: { SMTP_URL: url } })
    expect(mistakes).toEqual([expect.stringContaining('mail.smtp_url')])
    expect(mistakes[0]).not.toContain('hunter2')
  })

  test('mail has one sender, with a name or without', () => {
    const senderOf = (from: string) => ({ env: { TETRAPORT_MAIL_FROM: from } })
    for (const from of ['a@example.com', 'Grüße <a@example.com>', '<a@example.com>'])
      expect(readConfig(senderOf(from)).config.mail.from).toBe(from)
    for (const from of ['a', 'a@b, c@d', 'A <a@b> <c@d>', 'A <a@b>\r\nBcc: c@d', 'A (c@d) <a@b>', 'a@b c@d'])
      expect(mistakesOf(senderOf(from))).toHaveLength(1)
  })
})

describe('showing', () => {
  const result = readConfig({
    env: { TETRAPORT_BOOTSTRAP_KEY: 'hunter2', DATABASE_URL: 'postgres://me:hunter2@db/x?password=hunter2', OPENAI_API_KEY: 'hunter2' },
  })

  test('secrets are masked, the rest is readable', () => {
    expect(JSON.stringify([maskConfig(result.config), settingsTable(result)])).not.toContain('hunter2')
    expect(maskConfig(result.config).records.url).toBe('postgres://me:********@db/x?********')
    expect(settingsTable(result)).toContainEqual({ key: 'listen', value: '127.0.0.1:8787', origin: 'default' })
  })

  test('every secret there is a setting for is masked', () => {
    const secrets = SETTINGS.filter(({ secret, path }) => secret && path !== null)
    const address: Record<string, string> = { 'records.url': 'postgres://me:hunter2@db/x', 'mail.smtpUrl': 'smtp://me:hunter2@mail' }
    const env = Object.fromEntries(
      secrets.map(({ env: [name = ''], path }) => [name, address[path ?? ''] ?? 'hunter2, and more, as some must be long']),
    )
    const shown = readConfig({ env: { ...env, TETRAPORT_FILES_S3_ACCESS_KEY_ID: 'id', TETRAPORT_FILES_S3_BUCKET: 'b' } })
    expect(secrets.length).toBeGreaterThan(4)
    expect(JSON.stringify(shown.config).split('hunter2')).toHaveLength(secrets.length + 1)
    expect(JSON.stringify([maskConfig(shown.config), settingsTable(shown)])).not.toContain('hunter2')
  })

  test('the table of settings names every field of the configuration once', () => {
    const paths = SETTINGS.flatMap((setting) => setting.path ?? [])
    const fields = Object.entries(readConfig({}).config).flatMap(([section, fields]) =>
      section === 'listen' ? [section] : Object.keys(fields).map((field) => `${section}.${field}`),
    )
    expect([...paths].sort()).toEqual(fields.sort() as typeof paths)
    expect(new Set(paths).size).toBe(paths.length)
  })

  test('the README shows every setting as it is', () => {
    const shown = readFileSync(join(ROOT, 'README.md'), 'utf8')
    expect(shown).toContain(describeSettings('markdown').trimEnd())
  })

  test('the documentation holds every setting', () => {
    for (const form of ['markdown', 'text'] as const) {
      const shown = describeSettings(form)
      for (const setting of SETTINGS) expect(shown).toContain(setting.key ?? setting.env[0] ?? 'unnamed')
    }
  })
})
