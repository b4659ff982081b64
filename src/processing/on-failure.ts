import { checkNames, invalidOption } from '../core/options.ts'
import type { DeadLetter, Destination } from '../destinations/destination.ts'

/** Where a record that was given up goes: to a destination, or nowhere, which the summary counts. */
export type FailureTarget = Destination | 'discard'

/**
 * Where records that were given up go, by the reason for giving them up. If a member is missing, the run
 * stops at such a record, as it does without `onFailure`.
 */
export interface FailureTargets {
  /** For the conditions `RetryAttemptsExhausted`, `RecordAgeExceeded` and `WorkerLost`. */
  readonly exhausted?: FailureTarget | undefined
  /** For the condition `Rejected`: by `reject()`, a `RejectError`, or `retry.classify`. */
  readonly rejected?: FailureTarget | undefined
  /** For the condition `Invalid`: the record does not match `schema`. */
  readonly invalid?: FailureTarget | undefined
}

/** A destination in the form of an object. */
export type DestinationObject = Exclude<Destination, (...args: never) => unknown>

/** The option `onFailure`, checked: what happens to a record that was given up for each kind of reason. */
export type CheckedFailureTargets = {
  readonly [Kind in keyof FailureTargets]-?: DestinationObject | 'discard' | 'stop'
}

const TARGETS = "a destination (an object with send(), or a function), or 'discard'"
const KINDS = ['exhausted', 'rejected', 'invalid'] as const

/** @throws StreamError `options.invalid` */
export function checkOnFailure(onFailure: unknown): CheckedFailureTargets {
  if (onFailure === undefined) return { exhausted: 'stop', rejected: 'stop', invalid: 'stop' }
  if (!isByKind(onFailure)) {
    const target = checkTarget('onFailure', onFailure)
    return { exhausted: target, rejected: target, invalid: target }
  }
  // A destination whose method is misspelled, such as `{ sends }`, looks like an object by kind.
  checkNames('onFailure', onFailure, [...KINDS, 'send'])
  if (KINDS.every((kind) => onFailure[kind] === undefined)) {
    const expected = `${TARGETS}, or an object with at least one of ${KINDS.join(', ')}`
    throw invalidOption('onFailure', onFailure, expected, 'an object without a destination')
  }
  const check = (kind: keyof FailureTargets) =>
    onFailure[kind] === undefined ? 'stop' : checkTarget(`onFailure.${kind}`, onFailure[kind])
  return { exhausted: check('exhausted'), rejected: check('rejected'), invalid: check('invalid') }
}

/** Returns each destination once, to be checked at the start of a run and closed at its end. */
export function destinationsOf(targets: CheckedFailureTargets): DestinationObject[] {
  const { exhausted, rejected, invalid } = targets
  const destinations = [exhausted, rejected, invalid].filter((target) => typeof target === 'object')
  return [...new Set(destinations)]
}

function isByKind(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('send' in value)
}

function checkTarget(option: string, target: unknown): DestinationObject | 'discard' {
  if (target === 'discard') return target
  if (typeof target === 'function') return { send: (letter) => sendBy(target as Send, letter) }
  const { send, check, close, middlewareStack } = Object(target)
  // The clients of the AWS SDK have a method `send` too, which expects a command.
  if (middlewareStack !== undefined) {
    const expected = 'a destination, such as sqsDestination({ queueUrl, client })'
    throw invalidOption(option, target, expected, 'a client of the AWS SDK')
  }
  if (typeof send !== 'function') throw invalidOption(option, target, TARGETS)
  for (const [name, method] of Object.entries({ check, close })) {
    if (method === undefined || typeof method === 'function') continue
    throw invalidOption(`${option}.${name}`, method, 'a function')
  }
  return target as DestinationObject
}

type Send = DestinationObject['send']

/** Refuses what `onFailure: memoryDestination` would lose: a function that only creates a destination. */
async function sendBy(send: Send, letter: DeadLetter): Promise<void> {
  const result: unknown = await send(letter)
  if (typeof Object(result).send !== 'function') return
  throw new TypeError('The function in onFailure returned a destination. Pass that destination instead.')
}
