/** What the service answers in place of a result. `name` is the error's code. */
export class ServiceFault extends Error {
  override readonly name: string
  readonly statusCode: number

  constructor(name: string, message: string, statusCode: number = statusCodeOf(name)) {
    super(message)
    this.name = name
    this.statusCode = statusCode
  }
}

/** Client errors are 400, also throttling; the service's own are 500, and 503 where it is unavailable. */
function statusCodeOf(name: string): number {
  if (name === 'ServiceUnavailable' || name === 'ServiceUnavailableException') return 503
  return name === 'InternalServerError' || name === 'InternalFailure' ? 500 : 400
}

export function notFound(what: string): ServiceFault {
  return new ServiceFault('ResourceNotFoundException', `Requested resource not found: ${what} not found`)
}

/** At GetShardIterator. */
export function unknownShard(): ServiceFault {
  return new ServiceFault('ResourceNotFoundException', 'Shard does not exist')
}

/** A shard whose retention is over, in the words of DynamoDB Local. */
export function shardGone(): ServiceFault {
  return new ServiceFault('ResourceNotFoundException', 'Invalid ShardId in ShardIterator')
}

export function trimmed(shardId: string): ServiceFault {
  return new ServiceFault(
    'TrimmedDataAccessException',
    `The operation attempted to read past the oldest stream record in shard ${shardId}`,
  )
}

export function expired(): ServiceFault {
  return new ServiceFault(
    'ExpiredIteratorException',
    'The provided iterator has expired. Iterators expire 15 minutes after they are made.',
  )
}

export function invalid(message: string): ServiceFault {
  return new ServiceFault('ValidationException', message)
}
