CREATE TABLE "audit_event" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid,
	"user_id" uuid,
	"event" text NOT NULL,
	"result" text NOT NULL,
	"reason" text,
	"ip_hash" text,
	"user_agent" text,
	"details" text,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "credential" (
	"id" uuid PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"password_hash" text NOT NULL,
	"password_history" text NOT NULL,
	"email_verified_at" timestamp (3) with time zone,
	"password_changed_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "email_token" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"credential_id" uuid NOT NULL,
	"email" text NOT NULL,
	"secret_hash" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "invite" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid,
	"role" text,
	"is_operator" boolean DEFAULT false NOT NULL,
	"token_hash" text NOT NULL,
	"token_hint" text NOT NULL,
	"email" text,
	"status" text NOT NULL,
	"redemptions_max" integer NOT NULL,
	"redeemed" integer DEFAULT 0 NOT NULL,
	"note" text,
	"signup_request_id" uuid,
	"issued_by" uuid,
	"revoked_reason" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "mail" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid,
	"kind" text NOT NULL,
	"sealed" text NOT NULL,
	"status" text NOT NULL,
	"message_id" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"error" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"sent_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "rate_window" (
	"bucket" text PRIMARY KEY NOT NULL,
	"count" integer NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "service_token" (
	"jti" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid,
	"account" text NOT NULL,
	"scopes" text NOT NULL,
	"fingerprint" text,
	"kid" text NOT NULL,
	"actor_user_id" uuid,
	"issued_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	"revoked_reason" text
);
--> statement-breakpoint
CREATE TABLE "session" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"credential_id" uuid NOT NULL,
	"refresh_jti" uuid NOT NULL,
	"previous_jti" uuid,
	"rotated_at" timestamp (3) with time zone,
	"fingerprint" text,
	"ip_masked" text,
	"user_agent" text,
	"platform" text,
	"browser" text,
	"device" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	"revoked_reason" text
);
--> statement-breakpoint
CREATE TABLE "signup_request" (
	"id" uuid PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"organization" text,
	"full_name" text,
	"message" text,
	"status" text NOT NULL,
	"ip_hash" text,
	"user_agent_hash" text,
	"decision_reason" text,
	"decided_by" uuid,
	"decided_at" timestamp (3) with time zone,
	"invite_token_hint" text,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tenant_settings" (
	"tenant_id" uuid PRIMARY KEY NOT NULL,
	"document" text NOT NULL,
	"version" integer NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "token_key" (
	"kid" text PRIMARY KEY NOT NULL,
	"public_jwk" text NOT NULL,
	"sealed" text NOT NULL,
	"status" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"retired_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "used_nonce" (
	"nonce" text PRIMARY KEY NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "app_user" ADD COLUMN "role" text;--> statement-breakpoint
ALTER TABLE "app_user" ADD COLUMN "is_operator" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "app_user" ADD COLUMN "credential_id" uuid;--> statement-breakpoint
ALTER TABLE "app_user" ADD COLUMN "status" text DEFAULT 'active' NOT NULL;--> statement-breakpoint
ALTER TABLE "tenant" ADD COLUMN "title" text;--> statement-breakpoint
ALTER TABLE "invite" ADD CONSTRAINT "invite_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "service_token" ADD CONSTRAINT "service_token_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "session" ADD CONSTRAINT "session_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tenant_settings" ADD CONSTRAINT "tenant_settings_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_event_list" ON "audit_event" USING btree ("tenant_id","created_at");--> statement-breakpoint
CREATE INDEX "audit_event_age" ON "audit_event" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "credential_email" ON "credential" USING btree ("email");--> statement-breakpoint
CREATE INDEX "email_token_credential" ON "email_token" USING btree ("credential_id");--> statement-breakpoint
CREATE INDEX "email_token_expiry" ON "email_token" USING btree ("expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "invite_token" ON "invite" USING btree ("token_hash");--> statement-breakpoint
CREATE INDEX "invite_list" ON "invite" USING btree ("tenant_id","created_at");--> statement-breakpoint
CREATE INDEX "mail_list" ON "mail" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "rate_window_expiry" ON "rate_window" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "service_token_list" ON "service_token" USING btree ("tenant_id","issued_at");--> statement-breakpoint
CREATE UNIQUE INDEX "service_token_live" ON "service_token" USING btree ("account",coalesce("tenant_id", '00000000-0000-0000-0000-000000000000'),"scopes") WHERE revoked_at is null;--> statement-breakpoint
CREATE INDEX "service_token_expiry" ON "service_token" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "session_credential" ON "session" USING btree ("credential_id","last_seen_at");--> statement-breakpoint
CREATE INDEX "session_user" ON "session" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "session_expiry" ON "session" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "signup_request_list" ON "signup_request" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "signup_request_pending" ON "signup_request" USING btree ("ip_hash") WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX "used_nonce_expiry" ON "used_nonce" USING btree ("expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "app_user_credential" ON "app_user" USING btree ("credential_id","tenant_id");