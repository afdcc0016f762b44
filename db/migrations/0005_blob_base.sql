ALTER TABLE "channel_blob" ADD COLUMN "base" text;--> statement-breakpoint
ALTER TABLE "channel_blob" ADD COLUMN "keep" integer;