/** A record as Lambda delivers it, with what a test needs in its images. */
export function lambdaEvent(dynamodb: object = {}, members: object = {}): object {
  return {
    eventID: '1',
    eventName: 'INSERT',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'us-east-2',
    dynamodb: {
      ApproximateCreationDateTime: 1_678_831_218,
      Keys: { CustomerName: { S: 'AnyCompany Industries' } },
      SequenceNumber: '111000000000000000000',
      SizeBytes: 26,
      StreamViewType: 'NEW_AND_OLD_IMAGES',
      ...dynamodb,
    },
    eventSourceARN: 'arn:aws:dynamodb:us-east-2:123456789012:table/orders/stream/2026-01-01T00:00:00.000',
    ...members,
  }
}

/** A record of an item that was inserted. */
export function inserted(NewImage: object): object {
  return lambdaEvent({ NewImage })
}

/** A pattern for the new image. */
export function newImage(pattern: unknown): object {
  return { dynamodb: { NewImage: pattern } }
}
