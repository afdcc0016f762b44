import { answersIn } from '../../http/answers.ts'
import { inputsIn } from '../../http/inputs.ts'
import { ErrorBody } from './fields.wire.ts'
import { Refusal, requireValid } from './refusal.ts'

// What cannot be decoded names nothing.
export const { takes, asks, paths } = inputsIn({ requireValid, unreadable: () => new Refusal(404, 'Not Found') })

/** What this dialect says of its answers. */
export const { answers, answersNothing, answersBytes, streams } = answersIn({
  error: ErrorBody,
  refusals: [400, 401, 403, 404, 409, 422],
  security: [{ apiKey: [] }, { bearer: [] }],
})
