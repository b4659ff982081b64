import { describe, expect, test } from 'vitest'
import { parseArguments } from '../../../src/cli/arguments.ts'
import { exitCodes } from '../../../src/cli/errors.ts'

const arn = 'arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000'

function optionsOf(line: string): unknown {
  const request = parseArguments(line.split(' '))
  return 'options' in request ? request.options : request
}

describe('parseArguments', () => {
  test('every option of tail except the stream has a default', () => {
    expect(optionsOf('tail --table orders')).toEqual({
      table: 'orders',
      arn: undefined,
      endpoint: undefined,
      region: undefined,
      timeoutMs: 10_000,
      from: 'latest',
      isFromExplicit: false,
      checkpoint: undefined,
      format: 'json',
      follow: true,
      limit: Number.POSITIVE_INFINITY,
      onGap: 'throw',
    })
  })

  test('tail starts at trim_horizon with --no-follow', () => {
    expect(optionsOf('tail --table orders --no-follow')).toMatchObject({
      follow: false,
      from: 'trim_horizon',
    })
    expect(optionsOf('tail --table orders --no-follow --from latest')).toMatchObject({ from: 'latest' })
  })

  test('option values follow a space or an equals sign', () => {
    expect(
      optionsOf(`tail --arn=${arn} --limit 3 --format=pretty --on-gap continue --timeout 2`),
    ).toMatchObject({
      arn,
      limit: 3,
      format: 'pretty',
      onGap: 'continue',
      timeoutMs: 2_000,
    })
  })

  test('a flag may be repeated', () => {
    expect(optionsOf('shards --table orders --json --json')).toMatchObject({ json: true })
  })

  test('help and version can be requested with and without a command', () => {
    expect(parseArguments(['--help'])).toEqual({ command: 'help', of: undefined })
    expect(parseArguments(['help', 'lag'])).toEqual({ command: 'help', of: 'lag' })
    expect(parseArguments(['help', '--help'])).toEqual({ command: 'help', of: undefined })
    expect(parseArguments(['shards', '-h'])).toEqual({ command: 'help', of: 'shards' })
    expect(parseArguments(['--version'])).toEqual({ command: 'version' })
    expect(parseArguments(['lag', '--version'])).toEqual({ command: 'version' })
  })

  test('--region may differ from the region of the ARN when --endpoint is set', () => {
    expect(optionsOf(`tail --arn ${arn} --region eu-west-1 --endpoint http://localhost:1`)).toMatchObject({
      region: 'eu-west-1',
    })
  })

  test.each([
    ['', 'Missing command. See dynamodb-stream-iterator --help'],
    ['tial', 'Unknown command tial; did you mean tail?'],
    ['orders', 'Unknown command orders. The commands are tail, shards, lag, redrive, parked, demo'],
    ['help nope', 'Unknown command nope. The commands are tail, shards, lag, redrive, parked, demo'],
    ['help shard', 'Unknown command shard; did you mean shards?'],
    ['--help shard', 'Unknown command shard; did you mean shards?'],
    ['--tail', 'Unknown option --tail. The commands are tail, shards, lag, redrive, parked, demo'],
    ['tail', 'Missing stream: use --table NAME or --arn ARN'],
    [`tail --table orders --arn ${arn}`, 'Use either --table or --arn, not both'],
    ['tail --tabel orders', 'Unknown option --tabel; did you mean --table?'],
    ['tail -x', 'Unknown option -x. See dynamodb-stream-iterator tail --help'],
    ['tail --__proto__ 1', 'Unknown option --__proto__. See dynamodb-stream-iterator tail --help'],
    ['tail --table', '--table requires a value. See dynamodb-stream-iterator tail --help'],
    [
      'tail --table --no-follow',
      '--table requires a value, but is followed by --no-follow. See dynamodb-stream-iterator tail --help',
    ],
    ['tail --no-follow=yes', '--no-follow does not accept a value. See dynamodb-stream-iterator tail --help'],
    [
      'tail --table orders --no-follow --table=users',
      '--table is set more than once. See dynamodb-stream-iterator tail --help',
    ],
    ['tail --table=', '--table requires a value'],
    ['tail orders', 'Unexpected argument "orders". See dynamodb-stream-iterator tail --help'],
    ['tail -- --table', 'Unexpected argument "--table". See dynamodb-stream-iterator tail --help'],
    ['shards --table orders --limit 3', 'Unknown option --limit. See dynamodb-stream-iterator shards --help'],
    ['tail --arn orders', /^--arn is "orders", but must be the ARN of a stream, as in arn:aws:dynamodb:/],
    [
      `tail --arn ${arn} --region eu-west-1`,
      '--region is eu-west-1, but the stream of --arn is in us-east-1: omit --region',
    ],
    [
      `tail --arn ${arn.replace('us-east-1', 'ddblocal')} --region eu-west-1`,
      '--region is eu-west-1, but the stream of --arn is in an emulator: omit --region',
    ],
    [
      'tail --table orders --endpoint localhost:8000',
      '--endpoint must be a URL such as http://localhost:8000',
    ],
    ['tail --table orders --format xml', '--format is "xml", but must be json or pretty'],
    ['tail --table orders --on-gap ignore', '--on-gap is "ignore", but must be stop or continue'],
    ['tail --table orders --limit 0', '--limit is "0", but must be a whole number of 1 or more'],
    ['tail --table orders --limit -1', '--limit is "-1", but must be a whole number of 1 or more'],
    ['tail --table orders --limit 1e3', '--limit is "1e3", but must be a whole number of 1 or more'],
    [
      'tail --table orders --limit 99999999999999999999',
      /^--limit is "9+", but must be a whole number of 1 or more$/,
    ],
    ['tail --table orders --timeout 0', '--timeout is "0", but must be a whole number from 1 to 3600'],
    ['lag --table orders --checkpoint a --from latest', 'Use either --checkpoint or --from, not both'],
  ])('the arguments "%s" are rejected', (line, message) => {
    const parse = () => parseArguments(line === '' ? [] : line.split(' '))
    const error = {
      message: typeof message === 'string' ? message : expect.stringMatching(message),
      code: 'usage',
      exitCode: exitCodes.usage,
    }
    expect(parse).toThrow(expect.objectContaining(error))
  })
})
