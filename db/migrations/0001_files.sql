CREATE TABLE "file" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"object_id" uuid NOT NULL,
	"filename" text NOT NULL,
	"purpose" text NOT NULL,
	"media_type" text NOT NULL,
	"bytes" bigint NOT NULL,
	"sha256" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "file_object" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"state" text NOT NULL,
	"bytes" bigint,
	"sha256" text,
	"stale_at" timestamp (3) with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "upload" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"filename" text NOT NULL,
	"purpose" text NOT NULL,
	"media_type" text NOT NULL,
	"bytes" bigint NOT NULL,
	"status" text NOT NULL,
	"file_expires_s" integer,
	"file_id" uuid,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "upload_part" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"upload_id" uuid NOT NULL,
	"object_id" uuid NOT NULL,
	"bytes" bigint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "job" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"subject" uuid NOT NULL,
	"payload" text NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"fence" integer DEFAULT 0 NOT NULL,
	"worker_id" uuid,
	"lease_until" timestamp (3) with time zone,
	"run_at" timestamp (3) with time zone NOT NULL,
	"error" text,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "chunk" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"store_id" uuid NOT NULL,
	"document_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	"idx" integer NOT NULL,
	"text" text NOT NULL,
	"tokens" integer NOT NULL,
	"lexemes" "tsvector" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "file_batch" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"store_id" uuid NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"cancelled_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "file_batch_file" (
	"batch_id" uuid NOT NULL,
	"document_id" uuid NOT NULL,
	"tenant_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	CONSTRAINT "file_batch_file_batch_id_document_id_pk" PRIMARY KEY("batch_id","document_id")
);
--> statement-breakpoint
CREATE TABLE "vector_document" (
	"document_id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"store_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	"attributes" jsonb NOT NULL,
	"revision" bigint NOT NULL,
	"born" bigint NOT NULL,
	"removed" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vector_point" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"store_id" uuid NOT NULL,
	"document_id" uuid NOT NULL,
	"revision" bigint NOT NULL,
	"data" "bytea" NOT NULL,
	"coarse" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vector_space" (
	"store_id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"dimensions" integer NOT NULL,
	"revision" bigint NOT NULL,
	"floor" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vector_store" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"no" bigint GENERATED ALWAYS AS IDENTITY (sequence name "vector_store_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"name" text,
	"description" text,
	"metadata" jsonb NOT NULL,
	"embedding_model" text NOT NULL,
	"expires_days" integer,
	"last_active_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"emptied_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "vector_store_file" (
	"store_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	"tenant_id" uuid NOT NULL,
	"document_id" uuid NOT NULL,
	"batch_id" uuid,
	"status" text NOT NULL,
	"error_code" text,
	"error_message" text,
	"chunk_tokens" integer NOT NULL,
	"overlap_tokens" integer NOT NULL,
	"attributes" jsonb NOT NULL,
	"usage_bytes" bigint DEFAULT 0 NOT NULL,
	"chunks" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "vector_store_file_store_id_file_id_pk" PRIMARY KEY("store_id","file_id")
);
--> statement-breakpoint
ALTER TABLE "tenant" ADD COLUMN "signing_key" text;--> statement-breakpoint
ALTER TABLE "upload_part" ADD CONSTRAINT "upload_part_upload_id_upload_id_fk" FOREIGN KEY ("upload_id") REFERENCES "public"."upload"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "file_batch" ADD CONSTRAINT "file_batch_store_id_vector_store_id_fk" FOREIGN KEY ("store_id") REFERENCES "public"."vector_store"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "file_batch_file" ADD CONSTRAINT "file_batch_file_batch_id_file_batch_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."file_batch"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "vector_store_file" ADD CONSTRAINT "vector_store_file_store_id_vector_store_id_fk" FOREIGN KEY ("store_id") REFERENCES "public"."vector_store"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "file_list" ON "file" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE INDEX "file_expiry" ON "file" USING btree ("expires_at") WHERE expires_at is not null;--> statement-breakpoint
CREATE INDEX "file_object_stale" ON "file_object" USING btree ("stale_at") WHERE state <> 'kept';--> statement-breakpoint
CREATE INDEX "upload_pending" ON "upload" USING btree ("expires_at") WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX "upload_part_upload" ON "upload_part" USING btree ("upload_id");--> statement-breakpoint
CREATE UNIQUE INDEX "job_subject" ON "job" USING btree ("subject","kind");--> statement-breakpoint
CREATE INDEX "job_due" ON "job" USING btree ("kind","tenant_id","run_at");--> statement-breakpoint
CREATE INDEX "job_busy" ON "job" USING btree ("tenant_id") WHERE worker_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "chunk_document" ON "chunk" USING btree ("document_id","idx");--> statement-breakpoint
CREATE INDEX "chunk_store" ON "chunk" USING btree ("store_id");--> statement-breakpoint
CREATE INDEX "chunk_lexemes" ON "chunk" USING gin ("lexemes");--> statement-breakpoint
CREATE INDEX "file_batch_store" ON "file_batch" USING btree ("store_id");--> statement-breakpoint
CREATE INDEX "vector_document_revision" ON "vector_document" USING btree ("store_id","revision","document_id");--> statement-breakpoint
CREATE INDEX "vector_point_document" ON "vector_point" USING btree ("document_id","id");--> statement-breakpoint
CREATE INDEX "vector_point_revision" ON "vector_point" USING btree ("store_id","revision","id");--> statement-breakpoint
CREATE INDEX "vector_store_list" ON "vector_store" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE INDEX "vector_store_expiry" ON "vector_store" USING btree ("last_active_at") WHERE expires_days is not null and emptied_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "vector_store_file_document" ON "vector_store_file" USING btree ("document_id");--> statement-breakpoint
CREATE INDEX "vector_store_file_list" ON "vector_store_file" USING btree ("store_id","created_at","file_id");--> statement-breakpoint
CREATE INDEX "vector_store_file_status" ON "vector_store_file" USING btree ("store_id","status");--> statement-breakpoint
CREATE INDEX "vector_store_file_file" ON "vector_store_file" USING btree ("file_id");