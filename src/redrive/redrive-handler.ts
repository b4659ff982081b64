import { checkNames, invalidOption } from '../core/options.ts'
import { type CheckedOptions, checkProcessOptions } from '../processing/check-options.ts'
import { checkHandler, type Work } from '../processing/handler.ts'
import type { ProcessOptions, RetryOptions } from '../processing/options.ts'

/** The options of a handler module, in addition to `handler`. `processStream` has them as well. */
export type HandlerModuleOptions = Pick<
  ProcessOptions,
  'schema' | 'filters' | 'filter' | 'handlerTimeoutMs' | 'retry'
>

/** What a redrive does with a record, checked. */
export interface RedriveHandler {
  readonly work: Work
  readonly options: CheckedOptions
}

const optionNames = ['handler', 'schema', 'filters', 'filter', 'handlerTimeoutMs', 'retry'] as const

/** A redrive leaves what fails in its place, so a few attempts are sufficient. */
const MAX_ATTEMPTS = 3

/**
 * Checks the default export of a handler module: a handler, or an object with a handler and options.
 *
 * @param maxAttempts - overrides that of the module.
 * @throws StreamError `options.invalid`
 */
export function checkRedriveHandler(exported: unknown, maxAttempts: number | undefined): RedriveHandler {
  if (isObject(exported) && !formNames.some((name) => name in exported)) throw noHandler(exported)
  const { handler, ...options } = hasHandler(exported) ? exported : { handler: exported }
  checkNames('', options, optionNames)
  const work = checkHandler(handler)
  return { work, options: checkProcessOptions({ ...options, retry: retryOf(options, maxAttempts) }, work) }
}

/** What an object contains that is a handler, or has one. */
const formNames = ['handler', 'batch', 'tasks'] as const

/** The likely cause is a misspelled name, for which the checks of a batch handler suggest wrong ones. */
function noHandler(exported: object): Error {
  checkNames('', exported, [...optionNames, ...formNames])
  return invalidOption(
    'handler',
    undefined,
    'a function, an object with the method batch, or an object with tasks',
  )
}

function isObject(exported: unknown): exported is object {
  return typeof exported === 'object' && exported !== null && !Array.isArray(exported)
}

function hasHandler(exported: unknown): exported is HandlerModuleOptions & { readonly handler: unknown } {
  return isObject(exported) && 'handler' in exported
}

/** Dead letters are old, so a limit for the age of records that a worker has would exclude all of them. */
function retryOf({ retry }: HandlerModuleOptions, maxAttempts: number | undefined): RetryOptions {
  if (retry === undefined) return { maxAttempts: maxAttempts ?? MAX_ATTEMPTS }
  if (typeof retry !== 'object' || retry === null) throw invalidOption('retry', retry, 'an object')
  const { maxRecordAgeMs: _, ...others } = retry
  return { ...others, maxAttempts: maxAttempts ?? others.maxAttempts ?? MAX_ATTEMPTS }
}
