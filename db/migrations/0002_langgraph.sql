CREATE TABLE "item" (
	"tenant_id" uuid NOT NULL,
	"namespace" text collate "C" NOT NULL,
	"key" text NOT NULL,
	"value" jsonb NOT NULL,
	"ttl_minutes" double precision,
	"expires_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "item_tenant_id_namespace_key_pk" PRIMARY KEY("tenant_id","namespace","key")
);
--> statement-breakpoint
CREATE TABLE "schedule" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"assistant_id" uuid NOT NULL,
	"thread_id" uuid,
	"user_id" uuid,
	"cron" text NOT NULL,
	"timezone" text,
	"run" text NOT NULL,
	"metadata" jsonb NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"on_completion" text DEFAULT 'delete' NOT NULL,
	"next_at" timestamp (3) with time zone,
	"end_at" timestamp (3) with time zone,
	"error" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "assistant_version" DROP CONSTRAINT "assistant_version_assistant_id_assistant_id_fk";
--> statement-breakpoint
ALTER TABLE "run" DROP CONSTRAINT "run_thread_id_thread_id_fk";
--> statement-breakpoint
ALTER TABLE "message" DROP CONSTRAINT "message_thread_id_thread_id_fk";
--> statement-breakpoint
DROP INDEX "assistant_version_number";--> statement-breakpoint
DROP INDEX "run_active";--> statement-breakpoint
DROP INDEX "run_queued";--> statement-breakpoint
ALTER TABLE "assistant" DROP CONSTRAINT "assistant_pkey";--> statement-breakpoint
ALTER TABLE "thread" DROP CONSTRAINT "thread_pkey";--> statement-breakpoint
ALTER TABLE "assistant" ADD CONSTRAINT "assistant_id_tenant_id_pk" PRIMARY KEY("id","tenant_id");--> statement-breakpoint
ALTER TABLE "thread" ADD CONSTRAINT "thread_id_tenant_id_pk" PRIMARY KEY("id","tenant_id");--> statement-breakpoint
ALTER TABLE "assistant" ADD COLUMN "newest" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
UPDATE "assistant" SET "newest" = "version";--> statement-breakpoint
ALTER TABLE "assistant" ADD COLUMN "updated_at" timestamp (3) with time zone;--> statement-breakpoint
UPDATE "assistant" SET "updated_at" = "created_at";--> statement-breakpoint
ALTER TABLE "assistant" ALTER COLUMN "updated_at" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "assistant_version" ADD COLUMN "graph" text;--> statement-breakpoint
UPDATE "assistant_version" v SET "graph" = a."graph" FROM "assistant" a WHERE a."id" = v."assistant_id";--> statement-breakpoint
ALTER TABLE "assistant_version" ALTER COLUMN "graph" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "assistant_version" ADD COLUMN "settings" text;--> statement-breakpoint
ALTER TABLE "assistant_version" ADD COLUMN "context" text;--> statement-breakpoint
ALTER TABLE "run" ADD COLUMN "call" text;--> statement-breakpoint
ALTER TABLE "run" ADD COLUMN "strategy" text DEFAULT 'reject' NOT NULL;--> statement-breakpoint
ALTER TABLE "run" ADD COLUMN "run_at" timestamp (3) with time zone;--> statement-breakpoint
UPDATE "run" SET "run_at" = "created_at";--> statement-breakpoint
ALTER TABLE "run" ALTER COLUMN "run_at" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "run" ADD COLUMN "ready" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "run" ADD COLUMN "rollback" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "run" ADD COLUMN "base_id" uuid;--> statement-breakpoint
ALTER TABLE "run" ADD COLUMN "base_seq" integer;--> statement-breakpoint
ALTER TABLE "run" ADD COLUMN "journal_until" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "thread" ADD COLUMN "next_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "thread" ADD COLUMN "graph" text;--> statement-breakpoint
UPDATE "thread" SET "graph" = 'assistant' WHERE "head_id" IS NOT NULL;--> statement-breakpoint
ALTER TABLE "thread" ADD COLUMN "config" text;--> statement-breakpoint
ALTER TABLE "thread" ADD COLUMN "error" text;--> statement-breakpoint
ALTER TABLE "thread" ADD COLUMN "temporary" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "thread" ADD COLUMN "ttl_minutes" double precision;--> statement-breakpoint
ALTER TABLE "thread" ADD COLUMN "expires_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "thread" ADD COLUMN "updated_at" timestamp (3) with time zone;--> statement-breakpoint
UPDATE "thread" SET "updated_at" = "created_at";--> statement-breakpoint
ALTER TABLE "thread" ALTER COLUMN "updated_at" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "thread" ADD COLUMN "state_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "schedule" ADD CONSTRAINT "schedule_thread_fk" FOREIGN KEY ("thread_id","tenant_id") REFERENCES "public"."thread"("id","tenant_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "item_expiry" ON "item" USING btree ("expires_at") WHERE expires_at is not null;--> statement-breakpoint
CREATE INDEX "schedule_list" ON "schedule" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE INDEX "schedule_due" ON "schedule" USING btree ("next_at") WHERE enabled and next_at is not null;--> statement-breakpoint
ALTER TABLE "assistant_version" ADD CONSTRAINT "assistant_version_assistant_fk" FOREIGN KEY ("assistant_id","tenant_id") REFERENCES "public"."assistant"("id","tenant_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run" ADD CONSTRAINT "run_thread_fk" FOREIGN KEY ("thread_id","tenant_id") REFERENCES "public"."thread"("id","tenant_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "message" ADD CONSTRAINT "message_thread_fk" FOREIGN KEY ("thread_id","tenant_id") REFERENCES "public"."thread"("id","tenant_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "run_behind" ON "run" USING btree ("thread_id","run_at") WHERE status = 'queued' and not ready;--> statement-breakpoint
CREATE INDEX "run_journal" ON "run" USING btree ("journal_until") WHERE journal_until is not null;--> statement-breakpoint
CREATE INDEX "thread_next" ON "thread" USING btree ("next_at") WHERE next_at is not null;--> statement-breakpoint
CREATE INDEX "thread_expiry" ON "thread" USING btree ("expires_at") WHERE expires_at is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "assistant_version_number" ON "assistant_version" USING btree ("assistant_id","tenant_id","version");--> statement-breakpoint
CREATE UNIQUE INDEX "run_active" ON "run" USING btree ("thread_id","tenant_id") WHERE status in ('running', 'waiting', 'cancelling');--> statement-breakpoint
CREATE INDEX "run_queued" ON "run" USING btree ("run_at") WHERE status = 'queued' and ready;
--> statement-breakpoint
ALTER TABLE "assistant" DROP COLUMN "graph";
--> statement-breakpoint
ALTER TABLE "checkpoint_write" ADD COLUMN "run_id" uuid;
--> statement-breakpoint
ALTER TABLE "channel_blob" ADD COLUMN "base" text;--> statement-breakpoint
ALTER TABLE "channel_blob" ADD COLUMN "keep" integer;
--> statement-breakpoint
ALTER TABLE "assistant" ADD COLUMN "first" integer DEFAULT 1 NOT NULL;
--> statement-breakpoint
ALTER TABLE "channel_blob" ADD COLUMN "base_ns" text;
--> statement-breakpoint
CREATE INDEX "schedule_thread" ON "schedule" USING btree ("thread_id") WHERE thread_id is not null;
--> statement-breakpoint
ALTER TABLE "thread" ADD COLUMN "by_head" boolean DEFAULT false NOT NULL;
