import { join } from 'node:path'
import { readMigrationFiles } from 'drizzle-orm/migrator'

/**
 * Makes the next migration from the difference between `db/schema` and `db/migrations`, then the module that carries all
 * of them into the executable. `bun scripts/migrations.ts [name]`; `--check` only says whether something is missing.
 */
const ROOT = join(import.meta.dir, '..')
const FOLDER = join(ROOT, 'db/migrations')
const MODULE = join(FOLDER, 'migrations.gen.ts')

async function generate(name: string | undefined): Promise<void> {
  const kit = join(ROOT, 'node_modules/drizzle-kit/bin.cjs')
  const command = [process.execPath, kit, 'generate', ...(name ? ['--name', name] : [])]
  const child = Bun.spawn(command, { cwd: ROOT, stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' })
  const code = await child.exited
  if (code !== 0) throw new Error(`drizzle-kit ended with code ${code}.`)
}

const statementLines = (sql: readonly string[]): string => sql.map((statement) => `      ${JSON.stringify(statement)},`).join('\n')

function moduleText(): string {
  const entries = readMigrationFiles({ migrationsFolder: FOLDER }).map(
    ({ hash, folderMillis, sql }) =>
      `  {\n    hash: '${hash}',\n    createdAt: ${folderMillis},\n    statements: [\n${statementLines(sql)}\n    ],\n  },`,
  )
  return [
    '// Written by scripts/migrations.ts; do not edit.',
    'export const migrations: readonly { hash: string; createdAt: number; statements: readonly string[] }[] = [',
    ...entries,
    ']',
    '',
  ].join('\n')
}

const [argument] = process.argv.slice(2)
if (argument === '--check') {
  const current = await Bun.file(MODULE).text()
  if (current !== moduleText()) throw new Error('db/migrations/migrations.gen.ts is out of date: run bun scripts/migrations.ts.')
} else {
  await generate(argument)
  await Bun.write(MODULE, moduleText())
}
