import { type TSchema, Type as t } from '@sinclair/typebox'

/** What every operation answers that has nothing of its own to say. */
export const successOf = <S extends TSchema>(data: S) => t.Object({ success: t.Boolean(), message: t.String(), data })

export const Done = successOf(t.Null())

export const succeeded = <T>(message: string, data: T): { success: true; message: string; data: T } => ({ success: true, message, data })

export const done = (message: string): { success: true; message: string; data: null } => succeeded(message, null)
