import { afterAll } from 'bun:test'
import { stopTestCluster } from './postgres.ts'

// Preloaded by bunfig.toml, where a hook belongs to the whole run; `bun test` ends without an exit event.
afterAll(stopTestCluster)
