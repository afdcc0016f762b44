import { answersIn } from '../../http/answers.ts'
import { inputsIn } from '../../http/inputs.ts'
import { ErrorBody } from './fields.wire.ts'
import { refuseField, requireValid } from './refusal.ts'

export const { takes, asks, paths } = inputsIn({
  requireValid,
  unreadable: (name) => refuseField([name], `${name}: this part of the path is not percent-encoded UTF-8.`, 'path'),
})

/**
 * What this dialect says of its answers. The document names the whole class of answers without content: the contract of
 * 2024 says 200 where servers have long answered 204.
 */
export const { answers, answersNothing, streams } = answersIn({
  error: ErrorBody,
  refusals: [401, 404, 409, 422],
  security: [{ bearer: [] }, { apiKey: [] }],
  done: () => '2XX',
})
