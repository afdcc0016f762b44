import { afterAll } from 'bun:test'
import { stopTestCluster } from './postgres.ts'
import { stopS3Server } from './s3-server.ts'

// Preloaded by bunfig.toml, where a hook belongs to the whole run; `bun test` ends without an exit event.
afterAll(async () => {
  await Promise.all([stopTestCluster(), stopS3Server()])
})
