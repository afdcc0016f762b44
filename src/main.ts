import { writeSync } from 'node:fs'
import { runCli } from './cli/cli.ts'
import { readSecret } from './cli/secret-input.ts'
import type { Terminal } from './cli/terminal.ts'

const terminal: Terminal = {
  env: process.env,
  cwd: process.cwd(),
  root: process.geteuid?.() === 0,
  interactive: process.stdout.isTTY === true,
  out: (text) => writeWhole(1, text),
  err: (text) => writeWhole(2, text),
  readSecret: (prompt) => readSecret(process.stdin, { prompt, show: (text) => writeWhole(2, text) }),
  onStop(listener) {
    process.on('SIGTERM', listener).on('SIGINT', listener)
    return () => process.off('SIGTERM', listener).off('SIGINT', listener)
  },
  exit: (code) => process.exit(code),
}

/** Before `process.exit` nothing may wait in a buffer; a pipe that is full for the moment is tried again. */
function writeWhole(fd: number, text: string): void {
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return
      Bun.sleepSync(1)
    }
  }
}

process.exit(await runCli(process.argv.slice(2), terminal))
