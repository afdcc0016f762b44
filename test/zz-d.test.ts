import { test } from 'bun:test'
import { serve } from './support/served.ts'
test('x', async () => {
  const s = await serve()
  const form = new FormData(); form.append('purpose', 'assistants'); form.append('file', new File(['hello'], 'ü.txt'))
  const h = { authorization: `Bearer ${s.key}` }
  let r = await fetch(`${s.url}/v1/files`, { method: 'POST', body: form, headers: h })
  const f = await r.json(); console.log(r.status, f)
  for (const p of ['', '?purpose=assistants&limit=1', `/${f.id}`, `/${f.id}/content`, '/file-abc', '?limit=0', '?before=x']) { r = await fetch(`${s.url}/v1/files${p}`, { headers: h }); console.log(p, r.status, await r.text(), p.endsWith('content') ? r.headers : '') }
  r = await fetch(`${s.url}/v1/files/${f.id}`, { method: 'DELETE', headers: h }); console.log(r.status, await r.text())
  r = await fetch(`${s.url}/v1/files`, { method: 'POST', body: form }); console.log(r.status, await r.text())
  const d = await (await fetch(`${s.url}/openapi/openai.json`)).json()
  console.log(JSON.stringify(d.paths['/v1/files'].post.requestBody), JSON.stringify(d.paths['/v1/files/{file_id}/content'].get).slice(0, 600))
  await s.close()
})
