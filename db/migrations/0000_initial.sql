CREATE TABLE "assistant" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"graph" text NOT NULL,
	"version" integer NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"deleted_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "assistant_version" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"assistant_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"name" text,
	"description" text,
	"config" text NOT NULL,
	"metadata" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "api_key" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"user_id" uuid,
	"name" text NOT NULL,
	"hash" text NOT NULL,
	"prefix" text NOT NULL,
	"scopes" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	"last_used_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "app_user" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"email" text,
	"name" text,
	"is_admin" boolean DEFAULT false NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency" (
	"tenant_id" uuid NOT NULL,
	"key" text NOT NULL,
	"route" text NOT NULL,
	"body_hash" text NOT NULL,
	"answer" text,
	"locked_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "idempotency_tenant_id_key_route_pk" PRIMARY KEY("tenant_id","key","route")
);
--> statement-breakpoint
CREATE TABLE "tenant" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "tenant_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "completion" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"model" text NOT NULL,
	"messages" text NOT NULL,
	"answer" text NOT NULL,
	"metadata" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "run" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"assistant_id" uuid NOT NULL,
	"assistant_version_id" uuid NOT NULL,
	"status" text NOT NULL,
	"options" text NOT NULL,
	"metadata" jsonb NOT NULL,
	"worker_id" uuid,
	"attempt" integer DEFAULT 1 NOT NULL,
	"fence" integer DEFAULT 1 NOT NULL,
	"lease_until" timestamp (3) with time zone,
	"resume" text,
	"calls" text,
	"usage" text,
	"error" text,
	"incomplete" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"started_at" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "run_event" (
	"run_id" uuid NOT NULL,
	"seq" integer NOT NULL,
	"tenant_id" uuid NOT NULL,
	"n" integer NOT NULL,
	"data" text NOT NULL,
	CONSTRAINT "run_event_run_id_seq_pk" PRIMARY KEY("run_id","seq")
);
--> statement-breakpoint
CREATE TABLE "run_step" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"run_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"message_id" uuid,
	"status" text NOT NULL,
	"usage" text,
	"error" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "tool_call" (
	"step_id" uuid NOT NULL,
	"idx" integer NOT NULL,
	"tenant_id" uuid NOT NULL,
	"run_id" uuid NOT NULL,
	"call_id" text NOT NULL,
	"type" text NOT NULL,
	"name" text NOT NULL,
	"arguments" text NOT NULL,
	"output" text,
	"detail" text,
	CONSTRAINT "tool_call_step_id_idx_pk" PRIMARY KEY("step_id","idx")
);
--> statement-breakpoint
CREATE TABLE "channel_blob" (
	"tenant_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"ns" text NOT NULL,
	"channel" text NOT NULL,
	"version" text NOT NULL,
	"message_ids" uuid[],
	"data" text,
	"bytes" "bytea",
	CONSTRAINT "channel_blob_thread_id_ns_channel_version_pk" PRIMARY KEY("thread_id","ns","channel","version")
);
--> statement-breakpoint
CREATE TABLE "checkpoint" (
	"tenant_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"ns" text NOT NULL,
	"id" uuid NOT NULL,
	"parent_id" uuid,
	"run_id" uuid,
	"step" integer NOT NULL,
	"source" text NOT NULL,
	"versions" jsonb NOT NULL,
	"seen" text NOT NULL,
	"inline" text,
	"metadata" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"v" integer NOT NULL,
	CONSTRAINT "checkpoint_thread_id_ns_id_pk" PRIMARY KEY("thread_id","ns","id")
);
--> statement-breakpoint
CREATE TABLE "checkpoint_write" (
	"tenant_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"ns" text NOT NULL,
	"checkpoint_id" uuid NOT NULL,
	"task_id" text NOT NULL,
	"idx" integer NOT NULL,
	"path" text NOT NULL,
	"channel" text NOT NULL,
	"data" text,
	"bytes" "bytea",
	CONSTRAINT "checkpoint_write_thread_id_ns_checkpoint_id_task_id_idx_pk" PRIMARY KEY("thread_id","ns","checkpoint_id","task_id","idx")
);
--> statement-breakpoint
CREATE TABLE "message" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"seq" integer NOT NULL,
	"key" text,
	"role" text NOT NULL,
	"content" text NOT NULL,
	"tool_calls" text,
	"tool_call_id" text,
	"run_id" uuid,
	"assistant_id" uuid,
	"status" text DEFAULT 'completed' NOT NULL,
	"cut" text,
	"attachments" text,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"extra" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"deleted_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "thread" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"metadata" jsonb NOT NULL,
	"tool_resources" text,
	"status" text DEFAULT 'idle' NOT NULL,
	"run_id" uuid,
	"head_id" uuid,
	"head_seq" integer DEFAULT 0 NOT NULL,
	"next_seq" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "assistant" ADD CONSTRAINT "assistant_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "assistant_version" ADD CONSTRAINT "assistant_version_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "assistant_version" ADD CONSTRAINT "assistant_version_assistant_id_assistant_id_fk" FOREIGN KEY ("assistant_id") REFERENCES "public"."assistant"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_user_id_app_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."app_user"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app_user" ADD CONSTRAINT "app_user_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "idempotency" ADD CONSTRAINT "idempotency_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run" ADD CONSTRAINT "run_thread_id_thread_id_fk" FOREIGN KEY ("thread_id") REFERENCES "public"."thread"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_event" ADD CONSTRAINT "run_event_run_id_run_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."run"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_step" ADD CONSTRAINT "run_step_run_id_run_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."run"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tool_call" ADD CONSTRAINT "tool_call_step_id_run_step_id_fk" FOREIGN KEY ("step_id") REFERENCES "public"."run_step"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tool_call" ADD CONSTRAINT "tool_call_run_id_run_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."run"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "message" ADD CONSTRAINT "message_thread_id_thread_id_fk" FOREIGN KEY ("thread_id") REFERENCES "public"."thread"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "assistant_list" ON "assistant" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "assistant_version_number" ON "assistant_version" USING btree ("assistant_id","version");--> statement-breakpoint
CREATE UNIQUE INDEX "api_key_hash" ON "api_key" USING btree ("hash");--> statement-breakpoint
CREATE INDEX "api_key_list" ON "api_key" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "app_user_email" ON "app_user" USING btree ("tenant_id","email");--> statement-breakpoint
CREATE INDEX "idempotency_age" ON "idempotency" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "completion_list" ON "completion" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "run_active" ON "run" USING btree ("thread_id") WHERE status in ('running', 'waiting', 'cancelling');--> statement-breakpoint
CREATE INDEX "run_queued" ON "run" USING btree ("created_at") WHERE status = 'queued';--> statement-breakpoint
CREATE INDEX "run_lease" ON "run" USING btree ("lease_until") WHERE status in ('running', 'cancelling');--> statement-breakpoint
CREATE INDEX "run_expiry" ON "run" USING btree ("expires_at") WHERE status in ('queued', 'waiting');--> statement-breakpoint
CREATE INDEX "run_list" ON "run" USING btree ("thread_id","created_at","id");--> statement-breakpoint
CREATE INDEX "run_step_list" ON "run_step" USING btree ("run_id","created_at","id");--> statement-breakpoint
CREATE INDEX "tool_call_run" ON "tool_call" USING btree ("run_id");--> statement-breakpoint
CREATE INDEX "checkpoint_run" ON "checkpoint" USING btree ("run_id");--> statement-breakpoint
CREATE INDEX "message_thread" ON "message" USING btree ("thread_id","seq");--> statement-breakpoint
CREATE INDEX "message_run" ON "message" USING btree ("run_id") WHERE run_id is not null;--> statement-breakpoint
CREATE INDEX "thread_list" ON "thread" USING btree ("tenant_id","created_at","id");