import { type Bench, show } from '../support/report.ts'
import { runRounds } from '../support/rounds.ts'
import { serve } from '../support/served-stream.ts'
import type { HourInput, SlowInput } from './contenders.ts'

const module = new URL('./contenders.ts', import.meta.url)

/** Whether memory stays within its bound with a slow consumer, and constant for an hour at the tip. */
export const memory: Bench = async ({ quick }) => {
  const shards = quick ? 100 : 400
  const served = await serve({ shards, recordsPerShard: 870 })
  const input: SlowInput = {
    endpoint: served.endpoint,
    streamArn: served.stream.streamArn,
    maxBufferedBytes: 32 * 2 ** 20,
    pauseEvery: 500,
    pauseMs: 1,
    pauses: quick ? 50 : 600,
  }
  const hour: HourInput = { shards: 8, recordsPerSecond: 50, minutes: quick ? 5 : 60 }
  try {
    const [slow] = await runRounds(module, [{ name: 'slow consumer', input }], quick ? 1 : 3)
    const [tip] = await runRounds(module, [{ name: 'hour at the tip', input: hour }], 1)
    return {
      tables: [
        {
          title: `memory: ${shards} shards with pages of about 0.8 MB, a slow consumer, a buffer of 32 MiB`,
          columns: [
            'records read',
            'growth of resident memory, MiB',
            'peak buffer size, MiB',
            'heap at the end, MiB',
          ],
          rows: slow
            ? [
                [
                  slow.records.toLocaleString('en'),
                  show(slow.grownMiB),
                  show(slow.details.bufferedMiB ?? Number.NaN),
                  show(slow.details.heapMiB ?? Number.NaN),
                ],
              ]
            : [],
        },
        {
          title: `memory: ${hour.minutes} minutes at the tip in accelerated time, ${hour.shards} shards`,
          columns: ['records read', 'heap after 10 % of the time, MiB', 'heap at the end, MiB'],
          rows: tip
            ? [
                [
                  tip.records.toLocaleString('en'),
                  show(tip.details.earlyHeapMiB ?? Number.NaN),
                  show(tip.details.lateHeapMiB ?? Number.NaN),
                ],
              ]
            : [],
        },
      ],
      data: { slow, tip },
    }
  } finally {
    served.stop()
  }
}
