import type { CheckpointStore } from '../checkpoints/store.ts'
import { StreamError } from '../core/errors.ts'
import { checkNames, integer, invalidOption } from '../core/options.ts'
import type { TimedLeaseStore } from './await-lease.ts'
import { type CheckpointOptions, checkpointDefaults, checkpointOptionNames } from './open-stream-options.ts'

/** The options of a checkpoint after they were checked, with their defaults. */
export interface CheckedCheckpoint {
  readonly store: CheckpointStore
  readonly name: string
  readonly everyRecords: number
  readonly everyMs: number
  /** Undefined if the checkpoint is acquired at once. */
  readonly standby: { readonly store: TimedLeaseStore; readonly leaseMs: number } | undefined
}

/** @throws StreamError `options.invalid` */
export function checkCheckpoint(options: CheckpointOptions): CheckedCheckpoint {
  if (isStore(options)) {
    throw invalidOption('checkpoint', options, '{ store, name }', 'a checkpoint store')
  }
  checkNames('checkpoint', options, checkpointOptionNames)
  const { store, name, everyRecords, everyMs } = options
  if (!isStore(store)) {
    throw invalidOption('checkpoint.store', store, 'a checkpoint store (an object with load() and save())')
  }
  if (typeof name !== 'string' || name.length < 1 || name.length > 255 || !name.isWellFormed()) {
    throw invalidOption('checkpoint.name', name, 'a well-formed string of 1 to 255 characters')
  }
  return {
    store,
    name,
    everyRecords: integer(
      'checkpoint.everyRecords',
      everyRecords ?? checkpointDefaults.everyRecords,
      1,
      1_000_000,
    ),
    everyMs: integer('checkpoint.everyMs', everyMs ?? checkpointDefaults.everyMs, 10, 3_600_000),
    standby: checkStandby(options),
  }
}

function checkStandby({ store, standby, leaseMs }: CheckpointOptions): CheckedCheckpoint['standby'] {
  if (standby !== undefined && typeof standby !== 'boolean') {
    throw invalidOption('checkpoint.standby', standby, 'true or false')
  }
  if (!standby) {
    if (leaseMs === undefined) return undefined
    throw invalid('checkpoint.leaseMs', leaseMs, 'used with standby: true')
  }
  if (!hasTimedLeases(store)) {
    throw invalid('checkpoint.store', store, 'a store with leases that have a time limit, for standby: true')
  }
  const checked = integer('checkpoint.leaseMs', leaseMs ?? checkpointDefaults.leaseMs, 500, 600_000)
  return { store, leaseMs: checked }
}

function hasTimedLeases(store: CheckpointStore): store is TimedLeaseStore {
  return typeof store.lease === 'function' && typeof store.leaseState === 'function'
}

const messages = {
  'checkpoint.leaseMs': 'Option checkpoint.leaseMs requires checkpoint.standby: true.',
  'checkpoint.store':
    'Option checkpoint.standby requires a store with leases that have a time limit, such as ' +
    'dynamoDBCheckpointStore; this store does not have leaseState().',
}

function invalid(option: keyof typeof messages, value: unknown, expected: string): StreamError {
  return new StreamError('options.invalid', messages[option], { option, value, expected })
}

function isStore(value: unknown): boolean {
  const { load, save } = Object(value)
  return typeof load === 'function' && typeof save === 'function'
}
