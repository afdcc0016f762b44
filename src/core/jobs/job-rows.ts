/** A new job as it travels into json_to_recordset; `run_at` in milliseconds. */
export interface NewJobRow {
  id: string
  tenant_id: string
  kind: string
  subject: string
  payload: string
  run_at: number
}

export const JOB_RECORD = `id uuid, tenant_id uuid, kind text, subject uuid, payload text, run_at float8`

/** From rows `j` that name a run of `ok`, in the commit of its end. A repeated commit finds the job there. */
export const insertJobsOf = (rows: string): string =>
  `insert into job (id, tenant_id, kind, subject, payload, run_at, created_at)
  select j.id, ok.tenant_id, j.kind, j.subject, j.payload, to_timestamp(j.run_at / 1000.0), to_timestamp(j.run_at / 1000.0)
  from ${rows} join ok on ok.id = j.run_id on conflict (subject, kind) do nothing`
