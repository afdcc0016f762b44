import { Client } from '@langchain/langgraph-sdk'
import { mkdtempSync, rmSync, chmodSync } from 'node:fs'
import { memoryMb } from './bench/process-tree.ts'
const [, , graphs, ...cmd] = process.argv
const dir = mkdtempSync('/var/tmp/tryexe-'); chmodSync(dir, 0o755)
const p = Bun.spawn([...cmd, 'serve', '--listen', '127.0.0.1:0', '--data', dir + '/data', '--log-level', 'warn', '--json', '--graphs', graphs!], { stdout: 'pipe', stderr: 'inherit', cwd: dir, env: { ...process.env, TETRAPORT_BOOTSTRAP_KEY: 'k' } })
const rd = p.stdout.getReader(); const { value } = await rd.read(); const line = new TextDecoder().decode(value); console.log(line.slice(0, 400))
const url = /"url":"([^"]+)"/.exec(line)?.[1]
const c = new Client({ apiUrl: url + '/langgraph', apiKey: 'k' })
const input = { messages: [{ role: 'user', content: 'hi' }] }
try {
  console.log(JSON.stringify(((await c.runs.wait(null, 'agent', { input })) as any).messages?.map((m: any) => [m.type, m.content])))
  const t = await c.threads.create()
  const r: any = await c.runs.wait(t.thread_id, 'guarded', { input }); console.log(JSON.stringify(r).slice(-400))
  const s = await c.threads.getState(t.thread_id); console.log(s.next, JSON.stringify(s.tasks).slice(0, 300))
  const r2: any = await c.runs.wait(t.thread_id, 'guarded', { command: { resume: { decisions: [{ type: 'approve' }] } } }); console.log(JSON.stringify(r2.messages?.map((m: any) => [m.type, m.content])))
  console.log(JSON.stringify(await c.assistants.getGraph('agent')).slice(0, 200)); console.log(JSON.stringify(await c.assistants.getSchemas('agent')).slice(0, 300))
  console.log(String(await c.runs.wait(null, 'openai', { input }).catch((e) => String(e))).slice(0, 200))
  console.log(memoryMb(p.pid))
} finally { p.kill(); await p.exited; rmSync(dir, { recursive: true, force: true }) }
