import { type Clock, systemClock } from '../core/clock.ts'
import { checkNames, integer, invalidOption } from '../core/options.ts'
import {
  checkBoolean,
  checkHandlingOptions,
  type HandlingOptions,
} from '../processing/check-handling-options.ts'
import type { RetryPolicy } from '../processing/failure-policy.ts'
import type { LambdaLogger } from './failure-log.ts'
import {
  type DisableMappingOptions,
  type LambdaOptions,
  lambdaDefaults,
  lambdaOptionNames,
  type MappingAccess,
} from './options.ts'

/** {@link LambdaOptions}, checked and with defaults. */
export interface CheckedLambdaOptions extends HandlingOptions {
  readonly retry: RetryPolicy
  /** Whether a record whose attempts are used up is reported to Lambda, whatever `onFailure` says. */
  readonly reportsExhausted: boolean
  readonly onFirstFailure: 'stop' | 'continue'
  readonly reserveMs: number
  readonly throwOnFullBatchFailure: boolean
  /** Undefined if the mapping is not checked. */
  readonly checkMapping: MappingAccess | undefined
  readonly disableMapping: DisableMappingOptions | undefined
  readonly logger: LambdaLogger
  readonly clock: Clock
  readonly random: () => number
}

/** @throws StreamError `options.invalid` for the first option that is invalid. */
export function checkLambdaOptions(options: LambdaOptions): CheckedLambdaOptions {
  checkNames('', options, lambdaOptionNames, { call: 'lambdaHandler', options: "{ order: 'shard' }" })
  const maxAttempts = options.retry?.maxAttempts
  const handling = checkHandlingOptions({
    ...options,
    retry: { ...options.retry, maxAttempts: maxAttempts ?? lambdaDefaults.maxAttempts },
  })
  const { clock = systemClock, random = Math.random } = handling
  const hasDestinations = Object.values(handling.onFailure).some((target) => typeof target === 'object')
  const reserveMs = hasDestinations ? lambdaDefaults.reserveForDestinationsMs : lambdaDefaults.reserveMs
  return {
    ...handling,
    clock,
    random,
    retry: { ...handling.retry, park: undefined },
    reportsExhausted: maxAttempts === undefined,
    onFirstFailure: checkOnFirstFailure(options.onFirstFailure, handling.order),
    reserveMs: integer('reserveMs', options.reserveMs ?? reserveMs, 0, 300_000),
    throwOnFullBatchFailure: checkBoolean('throwOnFullBatchFailure', options.throwOnFullBatchFailure ?? true),
    checkMapping: checkMapping(options.checkMapping),
    disableMapping: checkDisableMapping(options.disableMapping),
    logger: checkLogger(options.logger),
  }
}

function checkOnFirstFailure(value: unknown, order: CheckedLambdaOptions['order']): 'stop' | 'continue' {
  if (value === undefined) return order === 'shard' ? 'stop' : 'continue'
  if (value === 'stop' || value === 'continue') return value
  throw invalidOption('onFirstFailure', value, "'stop' or 'continue'")
}

function checkMapping(value: LambdaOptions['checkMapping']): MappingAccess | undefined {
  if (value === undefined || value === false) return undefined
  return value === true ? {} : checkAccess('checkMapping', value, [])
}

function checkDisableMapping(value: LambdaOptions['disableMapping']): DisableMappingOptions | undefined {
  if (value === undefined) return undefined
  const { when } = checkAccess('disableMapping', value, ['when'])
  if (typeof when !== 'function') throw invalidOption('disableMapping.when', when, 'a function')
  return value
}

function checkAccess<Access extends MappingAccess>(
  option: string,
  access: Access,
  names: readonly string[],
): Access {
  checkNames(option, access, ['client', 'functionArn', ...names])
  const { client, functionArn } = access
  if (client !== undefined && typeof Object(client).send !== 'function') {
    throw invalidOption(`${option}.client`, client, 'a LambdaClient of the AWS SDK v3')
  }
  if (functionArn !== undefined && !String(functionArn).startsWith('arn:')) {
    throw invalidOption(`${option}.functionArn`, functionArn, 'the ARN of a Lambda function')
  }
  return access
}

function checkLogger(logger: LambdaLogger | undefined): LambdaLogger {
  if (logger === undefined) return console
  if (typeof Object(logger).warn === 'function') return logger
  throw invalidOption('logger', logger, 'an object with the method warn, such as console')
}
