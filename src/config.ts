export { describeSettings, maskConfig, settingsTable } from './config/describe.ts'
export type { ConfigFile, ConfigInput, Origins, ReadResult } from './config/read.ts'
export { ConfigError, readConfig } from './config/read.ts'
export type { Config, ProviderConfig } from './config/schema.ts'
