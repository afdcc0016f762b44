import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { type S3Settings, settingsOf } from '../../support/s3-server.ts'

const IMAGE = 'minio/minio:RELEASE.2025-04-22T22-12-26Z'
const ACCESS = { accessKeyId: 'tetraport', secretAccessKey: 'tetraport-secret' }
const PORT = 9000
const BUCKET = 'bucket'

/** True where a container engine answers; else the run says that the tests of `what` are skipped. */
export async function hasDocker(what: string): Promise<boolean> {
  const child = Bun.which('docker') ? Bun.spawn(['docker', 'info'], { stdout: 'ignore', stderr: 'ignore', timeout: 10_000 }) : undefined
  const answers = (await child?.exited) === 0
  if (!answers) console.log(`skipped: ${what} needs a Docker engine that answers`)
  return answers
}

/** Another S3 server than Swift. Fetches its image on first use. */
export async function startMinio(): Promise<{ settings: S3Settings; stop(): Promise<void> }> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const container = await new GenericContainer(IMAGE)
    .withEnvironment({ MINIO_ROOT_USER: ACCESS.accessKeyId, MINIO_ROOT_PASSWORD: ACCESS.secretAccessKey })
    .withCommand(['server', '/data'])
    .withExposedPorts(PORT)
    .withWaitStrategy(Wait.forHttp('/minio/health/ready', PORT))
    .start()
  const server = { url: `http://${container.getHost()}:${container.getMappedPort(PORT)}`, ...ACCESS }
  const client = new S3Client({ endpoint: server.url, region: 'us-east-1', forcePathStyle: true, credentials: ACCESS })
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
  client.destroy()
  return {
    settings: settingsOf(server, BUCKET),
    async stop() {
      await container.stop()
    },
  }
}
