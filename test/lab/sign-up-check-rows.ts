/** Whom a registration with an invite brought. */
const BROUGHT = `select u.* from audit_event a join app_user u on u.id = a.user_id
  where a.event = 'account.register' and a.result = 'success' and a.details::json ->> 'invite' = i.id::text`

/**
 * What must hold of the tables once all is settled, each statement answering the rows that break it. Clients neither revoke
 * invites nor ask for a mail again.
 */
export const SIGN_UP_RULES: Record<string, string> = {
  'tenant without an owner': `select t.id, t.name from tenant t where not exists (select 1 from app_user u join credential c on c.id = u.credential_id
    where u.tenant_id = t.id and u.role = 'owner' and u.status = 'active')`,
  'credential without a user': `select c.id, c.email from credential c where not exists (select 1 from app_user u where u.credential_id = c.id)`,
  'user without a credential': `select u.id, u.email from app_user u left join credential c on c.id = u.credential_id where c.id is null or c.email <> u.email`,
  'session without its user and credential': `select s.id, s.user_id from session s where not exists (select 1 from app_user u join credential c on c.id = u.credential_id
    where u.id = s.user_id and u.tenant_id = s.tenant_id and c.id = s.credential_id)`,
  'user whose registration was not noted once': `select u.id, u.email from app_user u where not u.is_operator
    and (select count(*) from audit_event a where a.user_id = u.id and a.event = 'account.register' and a.result = 'success') <> 1`,
  'registration of nobody': `select a.id, a.user_id from audit_event a where a.event = 'account.register' and a.result = 'success'
    and not exists (select 1 from app_user u where u.id = a.user_id)`,
  'operator beside the first one': `select id, email from app_user where is_operator and email <> 'operator@lab.example'`,
  'invite whose redemptions are not its users': `select i.id, i.redeemed from invite i where i.redeemed <> (select count(*) from (${BROUGHT}) u)`,
  'invite that was used too often': `select i.id, i.redeemed, i.redemptions_max from invite i where i.redeemed > i.redemptions_max`,
  'invite whose state is not its redemptions': `select i.id, i.status, i.redeemed from invite i
    where (i.status = 'exhausted') <> (i.redeemed >= i.redemptions_max) or i.status not in ('active', 'exhausted')`,
  'invite that brought somebody else, or to another place': `select i.id, u.email, u.tenant_id, u.role from invite i cross join lateral (${BROUGHT}) u
    where i.email <> u.email or i.tenant_id <> u.tenant_id or i.role <> u.role
      or (i.tenant_id is null and (u.role <> 'owner' or (select count(*) from app_user o where o.tenant_id = u.tenant_id and o.role = 'owner') <> 1))`,
  'approved request without its one invite': `select r.id, r.email from signup_request r where r.status = 'approved' and (r.decided_by is null or r.decided_at is null
    or (select count(*) from invite i where i.signup_request_id = r.id and i.email = r.email and i.tenant_id is null and i.token_hint = r.invite_token_hint) <> 1)`,
  'invite for a request that was not approved': `select i.id, i.signup_request_id from invite i where i.signup_request_id is not null
    and not exists (select 1 from signup_request r where r.id = i.signup_request_id and r.status = 'approved')`,
  'decision that was not noted once': `select r.id, r.status from signup_request r where (r.status <> 'pending')::int <> (select count(*) from audit_event a
    where a.event in ('signup_request.approve', 'signup_request.reject') and a.details::json ->> 'request' = r.id::text)`,
  'session that was ended within the grace of its token': `select id, rotated_at, revoked_at from session
    where revoked_reason = 'reuse' and (rotated_at is null or revoked_at <= rotated_at + interval '10 s')`,
  'session whose end was not noted': `select s.id, s.revoked_reason from session s where s.revoked_at is not null and not exists (select 1 from audit_event a
    where a.user_id = s.user_id and case s.revoked_reason when 'user_logout_all' then a.event = 'session.end_all'
      else a.event in ('session.end', 'session.refresh') and a.details::json ->> 'session' = s.id::text end)`,
  'link of nobody, or of who used it': `select t.id, t.kind from email_token t left join credential c on c.id = t.credential_id
    where c.id is null or c.email <> t.email or (t.kind = 'verify_email' and c.email_verified_at is not null)`,
  'account that waits for its proof and has no link': `select c.id, c.email from credential c where c.email_verified_at is null
    and c.created_at > now() - interval '50 minutes' and (select count(*) from email_token t where t.credential_id = c.id and t.kind = 'verify_email') <> 1`,
  'mail that waits and has no job': `select m.id, m.kind from mail m where m.status = 'queued'
    and not exists (select 1 from job j where j.kind = 'mail' and j.subject = m.id)`,
  'mail that was not sent': `select id, kind, status, attempts, error from mail where status <> 'sent' or sent_at is null`,
  'job that is not done': `select kind, subject, attempt, error from job`,
  'tenant with other mails for proof than people who registered': `select t.id from tenant t where (select count(*) from mail m where m.tenant_id = t.id and m.kind = 'verify_email')
    <> (select count(*) from app_user u where u.tenant_id = t.id and not u.is_operator)`,
  'invites by name and their mails': `select place, kind, sum(n) as missing from (
      select tenant_id as place, case when signup_request_id is null then 'invite' else 'signup_approved' end as kind, 1 as n from invite where email is not null
      union all select tenant_id, kind, -1 from mail where kind in ('invite', 'signup_approved')) x group by 1, 2 having sum(n) <> 0`,
}
