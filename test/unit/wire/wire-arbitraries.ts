import fc from 'fast-check'

/** An attribute value in the JSON form of the service. */
export type WireAttribute = { readonly [type: string]: unknown }

const base64: fc.Arbitrary<string> = fc
  .uint8Array({ maxLength: 12 })
  .map((bytes) => Buffer.from(bytes).toString('base64'))

const number: fc.Arbitrary<string> = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }).map(String),
  fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }).map(String),
  fc.constantFrom('0', '-0', '9007199254740991', '9007199254740992', '-9007199254740993', '1E-130'),
)

// The SDK loses the value of an attribute named __proto__, and this library keeps it. Another test covers
// that.
const name: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ maxLength: 4 }),
    fc.constantFrom('constructor', 'hasOwnProperty', 'toString', '0', 'id', ''),
  )
  .filter((string) => string !== '__proto__')

function mapOf<T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> {
  return fc.array(fc.tuple(name, value), { maxLength: 5 }).map((entries) => Object.fromEntries(entries))
}

/** An attribute that the service can send, of any type and depth. */
export const attribute: fc.Arbitrary<WireAttribute> = fc.letrec<{ value: WireAttribute }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'medium' },
    fc.record({ S: fc.string({ unit: 'binary' }) }),
    fc.record({ N: number }),
    fc.record({ B: base64 }),
    fc.record({ BOOL: fc.boolean() }),
    fc.record({ NULL: fc.constant(true) }),
    fc.record({ SS: fc.array(fc.string()) }),
    fc.record({ NS: fc.array(number, { maxLength: 3 }) }),
    fc.record({ BS: fc.array(base64, { maxLength: 3 }) }),
    fc.record({ L: fc.array(tie('value'), { maxLength: 4 }) }),
    fc.record({ M: mapOf(tie('value')) }),
  ),
})).value

/** An attribute that no service should send, but that a gateway, an emulator or a later version might. */
const unusualAttribute: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(
    null,
    {},
    'text',
    5,
    { S: null },
    { S: null, N: '1' },
    { __type: 'x', S: 'a' },
    { N: 5 },
    { N: 'abc' },
  ),
  fc.constantFrom(
    { X: 1 },
    { X: 1, Y: 2 },
    { X: 1, __type: 'x' },
    { N: '1', S: 'a' },
    { N: '1.5e300' },
    { NULL: false },
  ),
  fc.constantFrom(
    { SS: 'a' },
    { NS: [1] },
    { BS: [5, null] },
    { B: 7 },
    { L: {} },
    { L: 'x' },
    { M: null },
    { M: 'x' },
  ),
  fc.constantFrom(
    { M: { a: null, b: { L: [null, { Q: [] }] } } },
    { BOOL: 'false' },
    { L: [{ M: { a: { Z: 0 } } }] },
  ),
)

export const attributes: fc.Arbitrary<Record<string, WireAttribute>> = mapOf(attribute)
export const unusualAttributes: fc.Arbitrary<Record<string, unknown>> = mapOf(
  fc.oneof(attribute, unusualAttribute),
)

const anyAttributes = fc.oneof(attributes, unusualAttributes)
const nullOr = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })

/** A record of GetRecords in JSON form, in which any member may be missing, null or unknown. */
export const wireRecord: fc.Arbitrary<object> = fc.record(
  {
    eventID: nullOr(fc.uuid()),
    eventName: fc.constantFrom('INSERT', 'MODIFY', 'REMOVE', 'UNKNOWN_TO_SDK_VERSION'),
    eventVersion: fc.constant('1.1'),
    eventSource: fc.constant('aws:dynamodb'),
    awsRegion: fc.constant('eu-west-1'),
    laterMember: fc.jsonValue(),
    __type: fc.constant('com.amazonaws#Record'),
    userIdentity: fc.record(
      {
        Type: nullOr(fc.constant('Service')),
        PrincipalId: fc.constant('dynamodb.amazonaws.com'),
        type: fc.string(),
      },
      { requiredKeys: [] },
    ),
    dynamodb: fc.record(
      {
        ApproximateCreationDateTime: fc.oneof(
          fc.integer({ min: 0, max: 4e9 }),
          fc.double({ min: 0, max: 4e9, noNaN: true }),
          fc.constantFrom('1767225600', '1767225600.25', null),
        ),
        Keys: nullOr(anyAttributes),
        NewImage: nullOr(anyAttributes),
        OldImage: anyAttributes,
        SequenceNumber: fc.bigInt({ min: 10n ** 20n, max: 10n ** 40n }).map(String),
        SizeBytes: fc.oneof(fc.nat(), fc.constantFrom('NaN', 'Infinity', '7')),
        StreamViewType: fc.constant('NEW_AND_OLD_IMAGES'),
        laterMember: fc.jsonValue(),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
)
