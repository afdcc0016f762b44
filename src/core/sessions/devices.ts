import Bowser from 'bowser'

/** What people recognise a device by. Null: nobody can tell. */
export interface Device {
  /** iOS, iPadOS, macOS, Android, Windows, ChromeOS or Linux */
  platform: string | null
  /** Edge, Brave, Arc, Chrome, Safari, Firefox, Internet Explorer or Opera */
  browser: string | null
  /** bot, tablet, mobile or desktop */
  device: string | null
}

const PLATFORMS: Record<string, string> = {
  iOS: 'iOS',
  macOS: 'macOS',
  Android: 'Android',
  Windows: 'Windows',
  'Windows Phone': 'Windows',
  'Chrome OS': 'ChromeOS',
  Linux: 'Linux',
}

const BROWSERS: readonly [RegExp, string][] = [
  [/edge/i, 'Edge'],
  [/brave/i, 'Brave'],
  [/opera/i, 'Opera'],
  [/chrom/i, 'Chrome'],
  [/firefox|focus/i, 'Firefox'],
  [/internet explorer/i, 'Internet Explorer'],
  [/safari/i, 'Safari'],
]

const DEVICES: Record<string, string> = { bot: 'bot', tablet: 'tablet', mobile: 'mobile', desktop: 'desktop' }

/** Of programs, which the parser takes for devices it has never heard of. */
const PROGRAM =
  /bot\b|crawl|spider|slurp|headless|\b(?:curl|wget|python|httpie|okhttp|go-http-client|java|axios|node-fetch|postmanruntime)\b/i
/** The parser does not know Arc, and not every build of Brave. */
const NAMED: readonly [RegExp, string][] = [
  [/\bArc\//, 'Arc'],
  [/\bBrave\b/, 'Brave'],
]
const IPAD = /\biPad\b/
const CHROME_OS = /\bCrOS\b/

const UNKNOWN: Device = { platform: null, browser: null, device: null }

export function deviceOf(userAgent: string | null): Device {
  if (userAgent === null || userAgent.trim() === '') return UNKNOWN
  const parsed = Bowser.parse(userAgent)
  const browserName = parsed.browser.name ?? ''
  const browser = NAMED.find(([pattern]) => pattern.test(userAgent)) ?? BROWSERS.find(([pattern]) => pattern.test(browserName))
  return {
    platform: platformOf(userAgent, parsed.os.name),
    browser: browser?.[1] ?? null,
    device: kindOf(userAgent, parsed.platform.type),
  }
}

function kindOf(userAgent: string, type: string | undefined): string | null {
  if (PROGRAM.test(userAgent)) return 'bot'
  return DEVICES[type ?? ''] ?? (CHROME_OS.test(userAgent) ? 'desktop' : null)
}

function platformOf(userAgent: string, name: string | undefined): string | null {
  if (IPAD.test(userAgent)) return 'iPadOS'
  if (CHROME_OS.test(userAgent)) return 'ChromeOS'
  return PLATFORMS[name ?? ''] ?? null
}
