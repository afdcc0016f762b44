interface Answered {
  responseValue: unknown
  set: { status?: number | string; headers: Record<string, string | number | string[]> }
}

/** Elysia answers bare text, and nothing for null, where clients read JSON. */
export function plainJson({ responseValue, set }: Answered): Response | undefined {
  if (responseValue === undefined || (typeof responseValue === 'object' && responseValue !== null)) return undefined
  return Response.json(responseValue, { status: Number(set.status ?? 200), headers: set.headers as Record<string, string> })
}
