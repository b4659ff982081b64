import { describe, expect, it } from 'vitest'
import { readResponse } from '../../../../src/testing/event-source-mapping/read-response.ts'
import { batchesOf, idsOf, mappingFixture, reports, reportsFor } from './fixture.ts'

const batch = ['100', '200', '300']
const naming = (...identifiers: unknown[]) => ({
  batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })),
})

describe('the response of a function with ReportBatchItemFailures', () => {
  it.each([
    ['null', null],
    ['a string', 'done'],
    ['a number', 7],
    ['an array', [{ itemIdentifier: '100' }]],
    ['an empty object', {}],
    ['an object of another kind', { statusCode: 500 }],
    ['an empty list', naming()],
    ['a list that is null', { batchItemFailures: null }],
  ])('%s is a success', (_title, response) => {
    expect(readResponse(response, batch)).toEqual({ kind: 'success' })
  })

  it.each([
    ['an empty identifier', naming('')],
    ['an identifier that is null', naming(null)],
    ['an identifier that is a number', naming(100)],
    ['an identifier of another batch', naming('400')],
    ['one valid identifier and one of another batch', naming('200', '400')],
    ['an identifier with a wrong name', { batchItemFailures: [{ id: '100' }] }],
    ['an identifier without an object', { batchItemFailures: ['100'] }],
    ['an element that is null', { batchItemFailures: [null] }],
    ['a list that is a string', { batchItemFailures: '100' }],
  ])('%s fails the whole batch', (_title, response) => {
    expect(readResponse(response, batch)).toEqual({ kind: 'invalid' })
  })

  it('failures are read in the order of the batch, and repeated ones count once', () => {
    expect(readResponse(naming('300', '200', '300'), batch)).toEqual({
      kind: 'failures',
      sequenceNumbers: ['200', '300'],
    })
  })

  it('a batch is retried from the lowest failed record on, whatever the order of the response', async () => {
    const { put, process } = mappingFixture()
    put(1, 2, 3, 4)
    let calls = 0
    const mapping = await process(
      async (event) => {
        if (++calls > 1) return undefined
        const { batchItemFailures } = await reportsFor('3', '4')(event)
        return { batchItemFailures: batchItemFailures.reverse() }
      },
      { ...reports },
    )
    expect(batchesOf(mapping)).toEqual(['1234', '34'])
    expect(mapping.invocations[0]).toMatchObject({ outcome: 'reported', isReportIgnored: false })
    expect(mapping.invocations[0]?.reported).toHaveLength(2)
  })

  it('an invalid response retries the whole batch, and the destination sees no error of the function', async () => {
    const { put, process } = mappingFixture()
    put(1, 2)
    const mapping = await process(async () => naming(''), {
      ...reports,
      MaximumRetryAttempts: 1,
      onFailure: () => {},
    })
    expect(batchesOf(mapping)).toEqual(['12', '12'])
    expect(mapping.invocations[0]?.outcome).toBe('invalidResponse')
    expect(mapping.delivered[0]?.responseContext?.functionError).toBeNull()
  })
})

describe('the response of a function without ReportBatchItemFailures', () => {
  it('reported failures are ignored, so Lambda counts failed records as done', async () => {
    const { put, process } = mappingFixture()
    const [first] = put(1, 2)
    const mapping = await process(reportsFor('1'), { MaximumRetryAttempts: 1 })
    expect(batchesOf(mapping)).toEqual(['12'])
    expect(idsOf(mapping.handled)).toBe('12')
    expect(mapping.invocations[0]).toMatchObject({
      outcome: 'succeeded',
      reported: [first?.sequenceNumber],
      isReportIgnored: true,
    })
  })

  it('a response without failures is not reported as ignored', async () => {
    const { put, process } = mappingFixture()
    put(1)
    const mapping = await process(reportsFor())
    expect(mapping.invocations[0]?.isReportIgnored).toBe(false)
  })
})
