import { expect, it } from 'vitest'
import { nearestName } from '../../../src/core/options.ts'
import { streamEventNames } from '../../../src/stream/events.ts'
import { openStreamOptionNames } from '../../../src/stream/open-stream-options.ts'

const options = openStreamOptionNames

it.each([
  ['startat', options, 'startAt'],
  ['startFrom', options, 'startAt'],
  ['checkpointName', options, 'checkpoint'],
  ['connectTimeout', options, 'connectTimeoutMs'],
  ['maxConcurrency', options, 'maxConcurrentReads'],
  ['unmarshall', options, 'unmarshallOptions'],
  ['retries', streamEventNames, 'retry'],
  ['retrying', streamEventNames, 'retry'],
  ['shard', streamEventNames, 'shardOpened'],
  ['minimum', ['min', 'max'], 'min'],
  ['tial', ['tail', 'lag'], 'tail'],
])('the known name closest to %s is suggested', (name, known, expected) => {
  expect(nearestName(name, known)).toBe(expected)
})

it.each([
  ['', options],
  ['m', options],
  ['max', options],
  ['maxRetries', options],
  ['maxRetries', ['maxRecords', 'maxWaitMs']],
  ['region', options],
  ['error', streamEventNames],
  ['ms', ['min', 'max']],
  ['ls', ['tail', 'lag']],
])('no known name is suggested for %j if none is similar', (name, known) => {
  expect(nearestName(name, known)).toBeUndefined()
})
