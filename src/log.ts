import { write, writeSync } from 'node:fs'
import type { Clock, ErrorFields, Log, LogFields } from './core/needs.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogOptions {
  level: LogLevel
  format: 'text' | 'json'
  clock: Clock
  /** Receives whole lines, many at a time. */
  sink: LogSink
}

export interface LogSink {
  write(lines: string): void
  /** Writes what is pending before it returns: the process is about to end. */
  flush(): void
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

type Fields = LogFields | ErrorFields

export function openLog({ level, format, clock, sink }: LogOptions): Log {
  const render = format === 'json' ? jsonLine : textLine
  const writer = (at: LogLevel) => {
    if (RANK[at] < RANK[level]) return () => undefined
    return (event: string, fields: Fields = {}) => sink.write(render({ time: new Date(clock.now()), level: at, event, fields }))
  }
  return { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') }
}

interface Line {
  time: Date
  level: LogLevel
  event: string
  fields: Fields
}

function jsonLine({ time, level, event, fields }: Line): string {
  const { cause, ...rest } = fields
  return `${JSON.stringify({ time: time.toISOString(), level, event, ...rest, ...(cause === undefined ? {} : { cause: describeCause(cause) }) })}\n`
}

function textLine({ time, level, event, fields }: Line): string {
  let line = `${time.toISOString()} ${level.padEnd(5)} ${event}`
  for (const key in fields) {
    if (key !== 'cause' && fields[key] !== undefined) line += ` ${key}=${plain(fields[key])}`
  }
  return fields.cause === undefined ? `${line}\n` : `${line} cause=${plain(describeCause(fields.cause))}\n`
}

/** One line per event, whatever a client put into a path or a driver into an error. */
function plain(value: unknown): string {
  const shown = String(value)
  return /^[\x21-\x7e]+$/.test(shown) && !/["=]/.test(shown) ? shown : JSON.stringify(shown)
}

const CAUSES_MAX = 4
/** Credentials inside URLs and bearer tokens, as drivers and SDKs put them into their messages. */
const SECRETS = /(:\/\/[^\s:/@]*:)[^\s@]+@|(\b(?:authorization:\s*(?:bearer\s)?|bearer\s|api[-_ ]key[:=\s])\s*)\S+|\b(sk-)[\w-]{8,}/gi

/** Names, messages and the first stack of an error and of what caused it, without credentials. */
function describeCause(cause: unknown): string {
  const parts: string[] = []
  let error: unknown = cause
  for (let i = 0; i < CAUSES_MAX && error !== undefined && error !== null; i++) {
    if (!(error instanceof Error)) {
      parts.push(String(error))
      break
    }
    const code = 'code' in error ? ` (${String(error.code)})` : ''
    parts.push(`${error.name}: ${error.message}${code}`)
    error = error.cause
  }
  const stack =
    cause instanceof Error
      ? (cause.stack ?? '')
          .split('\n')
          .slice(1, 6)
          .map((line) => line.trim())
      : []
  return redact([parts.join(' <- '), ...stack].join(' | '))
}

export const redact = (text: string): string =>
  text.replace(SECRETS, (_, url?: string, bearer?: string, key?: string) =>
    url === undefined ? `${bearer ?? key}********` : `${url}********@`,
  )

const PENDING_MAX = 1_000_000
const GATHER_MS = 5

/**
 * Standard error without blocking: lines gather for a moment, one write is in flight, and a reader that stands still
 * costs lines (counted), not memory and not requests.
 */
export function stderrSink(fd = 2): LogSink {
  let pending = ''
  let lost = 0
  let busy = false
  const next = () => {
    if (pending === '') {
      busy = false
      return
    }
    const lines = Buffer.from(pending)
    pending = lost === 0 ? '' : `${lost} log lines lost: standard error is not read\n`
    lost = 0
    writeAll(fd, lines, next)
  }
  return {
    write(lines) {
      if (pending.length > PENDING_MAX) lost++
      else pending += lines
      if (busy) return
      busy = true
      setTimeout(next, GATHER_MS)
    },
    flush() {
      try {
        writeSync(fd, pending)
      } catch {
        // The process ends; there is nobody left to tell.
      }
      pending = ''
    },
  }
}

function writeAll(fd: number, bytes: Buffer, done: () => void): void {
  write(fd, bytes, (error, written) => {
    if (error?.code === 'EAGAIN') setTimeout(() => writeAll(fd, bytes, done), GATHER_MS)
    else if (error || written >= bytes.length) done()
    else writeAll(fd, bytes.subarray(written), done)
  })
}
