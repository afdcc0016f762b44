interface Row {
  method: string
  path: string
}

export interface Coverage {
  operations: number
  missing: Row[]
  incomplete: (Row & { problems: { where: string; at: string; problem: string }[] })[]
  extra: Row[]
}

/** What is used of ../shared/tools/coverage.ts. */
export interface CoverageTool {
  loadContract(source: string): Promise<object>
  compareContracts(contract: object, served: object, options: { prefix?: string }): Coverage
}

export const shownRows = (rows: readonly Row[]): string[] => rows.map(({ method, path }) => `${method} ${path}`)
