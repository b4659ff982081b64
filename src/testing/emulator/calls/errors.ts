/** An error response of the service. `name` is the error code. */
export class ServiceFault extends Error {
  override readonly name: string
  readonly statusCode: number

  constructor(name: string, message: string, statusCode: number = statusCodeOf(name)) {
    super(message)
    this.name = name
    this.statusCode = statusCode
  }
}

/**
 * Client errors, including throttling, are 400; server errors are 500, or 503 if the service is unavailable.
 */
function statusCodeOf(name: string): number {
  if (name === 'ServiceUnavailable' || name === 'ServiceUnavailableException') return 503
  return name === 'InternalServerError' || name === 'InternalFailure' ? 500 : 400
}

export function notFound(what: string): ServiceFault {
  return new ServiceFault('ResourceNotFoundException', `Requested resource not found: ${what} not found`)
}

/** The error of GetShardIterator for a shard that does not exist. */
export function unknownShard(): ServiceFault {
  return new ServiceFault('ResourceNotFoundException', 'Shard does not exist')
}

/** The error of DynamoDB Local for an iterator of an expired shard. */
export function shardExpired(): ServiceFault {
  return new ServiceFault('ResourceNotFoundException', 'Invalid ShardId in ShardIterator')
}

export function trimmedDataAccess(shardId: string): ServiceFault {
  return new ServiceFault(
    'TrimmedDataAccessException',
    `The operation attempted to read past the oldest stream record in shard ${shardId}`,
  )
}

export function expiredIterator(): ServiceFault {
  return new ServiceFault(
    'ExpiredIteratorException',
    'The provided iterator has expired. Iterators expire 15 minutes after they are issued.',
  )
}

export function invalid(message: string): ServiceFault {
  return new ServiceFault('ValidationException', message)
}
