// Runs the Python SDK itself, from the package index, against a server of its own. Needs python3 with venv and pip, and is
// no part of `npm test`: bun scripts/projectdavid/run.ts [path of a built tetraport]

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SDK = 'projectdavid==1.4.9'
/** What it brings, but for the models that embed documents: they are hundreds of megabytes, and nothing here embeds. */
const BESIDE = [
  'projectdavid_common>=0.4,<0.5',
  'httpx<0.29',
  'pydantic<3',
  'python-dotenv<2',
  'aiofiles<25',
  'ollama<0.5',
  'qdrant-client<2',
]
const READERS = ['pdfplumber<0.12', 'validators<0.35']
const STAND_IN = `class SentenceTransformer:
    def __init__(self, *_, **__):
        pass
`
const CALL = { name: 'get_flight_times', arguments: { departure: 'LAX', arrival: 'JFK' } }
const SCRIPTS = { flights: [{ calls: [CALL] }, { text: ['The flight ', 'takes five hours.'] }] }

const [executable] = process.argv.slice(2)
const program = executable ? [executable] : [process.execPath, join(import.meta.dir, '../../src/main.ts')]
const folder = mkdtempSync(join(tmpdir(), 'tetraport-projectdavid-'))
// Where this runs as root, Postgres does not.
chmodSync(folder, 0o711)
const inFolder = (name: string): string => join(folder, name)

async function run(command: string[], env: Record<string, string> = {}): Promise<string> {
  const child = Bun.spawn(command, { env: { ...process.env, ...env }, stdout: 'pipe', stderr: 'inherit' })
  const said = await new Response(child.stdout).text()
  if ((await child.exited) !== 0) throw new Error(`${command[0]} ended with ${child.exitCode}:\n${said}`)
  return said
}

async function installSdk(): Promise<string> {
  await run(['python3', '-m', 'venv', inFolder('venv')])
  const python = inFolder('venv/bin/python')
  const pip = [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  await run([...pip, '--no-deps', SDK])
  await run([...pip, ...BESIDE, ...READERS])
  const packages = (await run([python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'])).trim()
  mkdirSync(join(packages, 'sentence_transformers'))
  writeFileSync(join(packages, 'sentence_transformers/__init__.py'), STAND_IN)
  return python
}

async function startServer(env: Record<string, string>): Promise<{ url: string; stop(): Promise<void> }> {
  const server = Bun.spawn([...program, 'serve'], { env: { ...process.env, ...env }, stdout: 'pipe', stderr: Bun.file(inFolder('log')) })
  let said = ''
  for await (const chunk of server.stdout) {
    said += new TextDecoder().decode(chunk)
    const address = said.match(/listening on (\S+)/)?.[1]
    if (address === undefined) continue
    const stop = async (): Promise<void> => {
      server.kill()
      await server.exited
    }
    return { url: `${address}/entities`, stop }
  }
  throw new Error(`The server did not start: ${await Bun.file(inFolder('log')).text()}`)
}

try {
  writeFileSync(inFolder('scripts.json'), JSON.stringify(SCRIPTS))
  const env = {
    TETRAPORT_DATA: inFolder('data'),
    TETRAPORT_LISTEN: '127.0.0.1:0',
    TETRAPORT_MODELS_SCRIPTS_FILE: inFolder('scripts.json'),
    TETRAPORT_ENTITIES_MODELS: 'hyperbolic/deepseek-ai/DeepSeek-V3=flights',
  }
  const python = await installSdk()
  const server = await startServer(env)
  try {
    const key = (await run([...program, 'user', 'create', '--email', 'operator@example.com', '--admin'], env)).trim()
    console.log(await run([python, join(import.meta.dir, 'journey.py'), server.url, key]))
  } finally {
    await server.stop()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
