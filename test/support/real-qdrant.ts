import { existsSync } from 'node:fs'

export interface RealQdrant {
  url: string
  apiKey: string | null
  stop(): Promise<void>
}

const IMAGE = 'qdrant/qdrant:v1.16.0'
const PORT = 6333

/** The server that QDRANT_URL names, or one in a container; undefined, with the reason printed, where there is neither. */
export async function openRealQdrant(): Promise<RealQdrant | undefined> {
  const { QDRANT_URL: url, QDRANT_API_KEY: apiKey = null, DOCKER_HOST } = process.env
  if (url) return { url, apiKey, stop: async () => undefined }
  if (!DOCKER_HOST && !existsSync('/var/run/docker.sock')) {
    console.log('skipped: a real Qdrant server needs QDRANT_URL or Docker')
    return undefined
  }
  try {
    const { GenericContainer, Wait } = await import('testcontainers')
    const container = await new GenericContainer(IMAGE).withExposedPorts(PORT).withWaitStrategy(Wait.forHttp('/readyz', PORT)).start()
    const stop = async (): Promise<void> => {
      await container.stop()
    }
    return { url: `http://${container.getHost()}:${container.getMappedPort(PORT)}`, apiKey: null, stop }
  } catch (error) {
    console.log(`skipped: a real Qdrant server, as Docker could not start one: ${error instanceof Error ? error.message : error}`)
    return undefined
  }
}
