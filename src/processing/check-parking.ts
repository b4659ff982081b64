import { StreamError } from '../core/errors.ts'
import { checkNames, integer, invalidOption } from '../core/options.ts'
import type { ParkingStore } from '../parking/parking-store.ts'
import type { ParkPolicy } from './failure-policy.ts'
import {
  type ParkingOptions,
  parkAfterNames,
  parkingDefaults,
  parkingOptionNames,
} from './parking-options.ts'

/** {@link ParkingOptions}, checked and with defaults. */
export interface CheckedParking {
  readonly store: ParkingStore
  readonly after: ParkPolicy
  readonly maxParkedPerKey: number
}

const YEAR_MS = 366 * 86_400_000

/**
 * Checks the option `parking` of a run.
 *
 * @throws StreamError `options.invalid`
 */
export function checkParking(
  parking: ParkingOptions | undefined,
  order: 'key' | 'shard' | 'none',
  maxAttempts: number,
): CheckedParking | undefined {
  if (parking === undefined) return undefined
  checkNames('parking', parking, parkingOptionNames, {
    call: 'processStream',
    options: '{ parking: { store, after: { attempts: 10 } } }',
  })
  if (order !== 'key') {
    const expected = "used with order: 'key', because it parks keys"
    const message = `Option parking must be ${expected}.`
    throw new StreamError('options.invalid', message, { option: 'parking', value: parking, expected })
  }
  const max = parking.maxParkedPerKey ?? parkingDefaults.maxParkedPerKey
  return {
    store: checkStore(parking.store),
    after: checkAfter(parking.after, maxAttempts),
    maxParkedPerKey: integer('parking.maxParkedPerKey', max, 1, Number.MAX_SAFE_INTEGER),
  }
}

function checkStore(store: ParkingStore): ParkingStore {
  const { acquire, list, release } = Object(store) as Partial<ParkingStore>
  if ([acquire, list, release].every((member) => typeof member === 'function')) return store
  throw invalidOption('parking.store', store, "a parking store, such as fileParkingStore('./parking')")
}

const AFTER = 'an object with attempts, ms or queued, such as { attempts: 10 }'

function checkAfter(after: ParkingOptions['after'], maxAttempts: number): ParkPolicy {
  if (typeof after !== 'object' || after === null) throw invalidOption('parking.after', after, AFTER)
  checkNames('parking.after', after, parkAfterNames)
  const { attempts, ms, queued } = after
  if (attempts === undefined && ms === undefined && queued === undefined) {
    throw invalidOption('parking.after', after, AFTER)
  }
  if (attempts !== undefined && Number.isInteger(attempts) && attempts >= maxAttempts) {
    const expected = `less than retry.maxAttempts (${maxAttempts}), at which the record is given up`
    throw invalidOption('parking.after.attempts', attempts, expected)
  }
  const optional = (name: string, value: number | undefined, min: number, max: number) =>
    value === undefined ? undefined : integer(`parking.after.${name}`, value, min, max)
  return {
    attempts: optional('attempts', attempts, 1, 1_000_000),
    ms: optional('ms', ms, 1, YEAR_MS),
    queued: optional('queued', queued, 1, 1_000_000),
  }
}
