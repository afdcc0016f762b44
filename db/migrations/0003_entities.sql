CREATE TABLE "association" (
	"tenant_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"from_id" uuid NOT NULL,
	"to_id" uuid NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "association_from_id_kind_to_id_tenant_id_pk" PRIMARY KEY("from_id","kind","to_id","tenant_id")
);
--> statement-breakpoint
CREATE TABLE "ownership" (
	"tenant_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"object_id" uuid NOT NULL,
	"user_id" uuid,
	"alias" text,
	"thread_id" uuid,
	"facts" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "ownership_object_id_kind_tenant_id_pk" PRIMARY KEY("object_id","kind","tenant_id")
);
--> statement-breakpoint
CREATE TABLE "action" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"run_id" uuid NOT NULL,
	"tool_id" uuid,
	"tool_name" text NOT NULL,
	"call_id" text,
	"arguments" text NOT NULL,
	"status" text NOT NULL,
	"output" text,
	"result" text,
	"triggered_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"processed_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "message_draft" (
	"tenant_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"author" text NOT NULL,
	"bytes" integer NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "message_draft_thread_id_author_tenant_id_pk" PRIMARY KEY("thread_id","author","tenant_id")
);
--> statement-breakpoint
CREATE TABLE "message_draft_part" (
	"tenant_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"author" text NOT NULL,
	"n" integer NOT NULL,
	"text" text NOT NULL,
	CONSTRAINT "message_draft_part_thread_id_author_tenant_id_n_pk" PRIMARY KEY("thread_id","author","tenant_id","n")
);
--> statement-breakpoint
CREATE TABLE "run_secret" (
	"run_id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"sealed" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tool" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"user_id" uuid,
	"name" text NOT NULL,
	"type" text NOT NULL,
	"definition" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "tool_name" UNIQUE NULLS NOT DISTINCT("tenant_id","user_id","name")
);
--> statement-breakpoint
CREATE TABLE "store_entry" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"store_id" uuid NOT NULL,
	"alias" text NOT NULL,
	"file_name" text NOT NULL,
	"file_path" text NOT NULL,
	"status" text NOT NULL,
	"error_message" text,
	"metadata" jsonb NOT NULL,
	"file_id" uuid,
	"processed_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "app_user" ADD COLUMN "given_name" text;--> statement-breakpoint
ALTER TABLE "app_user" ADD COLUMN "family_name" text;--> statement-breakpoint
ALTER TABLE "app_user" ADD COLUMN "picture_url" text;--> statement-breakpoint
ALTER TABLE "app_user" ADD COLUMN "email_verified" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "app_user" ADD COLUMN "provider" text DEFAULT 'local' NOT NULL;--> statement-breakpoint
ALTER TABLE "app_user" ADD COLUMN "provider_user_id" text;--> statement-breakpoint
ALTER TABLE "app_user" ADD COLUMN "updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "ownership" ADD CONSTRAINT "ownership_thread_fk" FOREIGN KEY ("thread_id","tenant_id") REFERENCES "public"."thread"("id","tenant_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "action" ADD CONSTRAINT "action_thread_fk" FOREIGN KEY ("thread_id","tenant_id") REFERENCES "public"."thread"("id","tenant_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "message_draft" ADD CONSTRAINT "message_draft_thread_fk" FOREIGN KEY ("thread_id","tenant_id") REFERENCES "public"."thread"("id","tenant_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "message_draft_part" ADD CONSTRAINT "message_draft_part_fk" FOREIGN KEY ("thread_id","author","tenant_id") REFERENCES "public"."message_draft"("thread_id","author","tenant_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "store_entry" ADD CONSTRAINT "store_entry_store_id_vector_store_id_fk" FOREIGN KEY ("store_id") REFERENCES "public"."vector_store"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "association_to" ON "association" USING btree ("to_id","kind");--> statement-breakpoint
CREATE UNIQUE INDEX "ownership_alias" ON "ownership" USING btree ("tenant_id","kind","alias") WHERE alias is not null;--> statement-breakpoint
CREATE INDEX "ownership_list" ON "ownership" USING btree ("tenant_id","kind","user_id","object_id");--> statement-breakpoint
CREATE INDEX "ownership_thread" ON "ownership" USING btree ("thread_id") WHERE thread_id is not null;--> statement-breakpoint
CREATE INDEX "action_run" ON "action" USING btree ("run_id","triggered_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "action_call" ON "action" USING btree ("run_id","call_id") WHERE call_id is not null;--> statement-breakpoint
CREATE INDEX "action_expiry" ON "action" USING btree ("expires_at") WHERE expires_at is not null and processed_at is null;--> statement-breakpoint
CREATE INDEX "action_thread" ON "action" USING btree ("thread_id");--> statement-breakpoint
CREATE INDEX "message_draft_age" ON "message_draft" USING btree ("updated_at");--> statement-breakpoint
CREATE INDEX "run_secret_age" ON "run_secret" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "store_entry_alias" ON "store_entry" USING btree ("tenant_id","alias");--> statement-breakpoint
CREATE INDEX "store_entry_list" ON "store_entry" USING btree ("store_id","created_at","id");--> statement-breakpoint
-- Until now each key named the one user that a tenant had, its administrator. From now on only keys of users name theirs.
UPDATE "api_key" SET "user_id" = NULL;--> statement-breakpoint
DELETE FROM "app_user";--> statement-breakpoint
CREATE UNIQUE INDEX "api_key_user" ON "api_key" USING btree ("user_id","prefix") WHERE user_id is not null and prefix <> '';