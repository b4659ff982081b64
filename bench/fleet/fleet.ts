import { type StartedEngine, startNats, startSqs } from '../../examples/fleet/engines.ts'
import { runFleet } from '../../examples/fleet/run-fleet.ts'
import { startNatsServer, whyNotNats } from '../../test/support/nats-server.ts'
import { type Bench, show, type Table } from '../support/report.ts'
import { type Spread, spread } from '../support/rounds.ts'

export interface FleetRates {
  readonly engine: string
  readonly workers: number
  /** Changes per second, of all workers together. */
  readonly perSecond: Spread
}

const WORKERS = [1, 2, 4]

/** How the rate grows with the number of worker processes behind a relay, with a handler of 5 ms. */
export const fleet: Bench = async ({ quick }) => {
  const rounds = quick ? 1 : 3
  const records = quick ? 300 : 3_000
  const data: FleetRates[] = await measure('SQS (fauxqs)', startSqs, records, rounds)
  if (whyNotNats() === undefined) {
    await using server = await startNatsServer()
    data.push(...(await measure('NATS JetStream', () => startNats(server.url), records, rounds)))
  }
  return { tables: [tableOf(data, records, rounds)], data }
}

async function measure(
  engine: string,
  start: () => Promise<StartedEngine>,
  records: number,
  rounds: number,
): Promise<FleetRates[]> {
  const rates = new Map<number, number[]>(WORKERS.map((workers) => [workers, []]))
  for (let round = 0; round < rounds; round++) {
    // In turn, so that other load on the machine affects all of them equally.
    for (const workers of WORKERS) {
      const started = await start()
      const result = await runFleet({ engine: started.engine, workers, records })
      await started.stop()
      if (result.lost > 0 || result.outOfOrder > 0) throw new Error(`${engine}: ${JSON.stringify(result)}`)
      rates.get(workers)?.push(result.perSecond)
    }
  }
  return [...rates].map(([workers, perSecond]) => ({ engine, workers, perSecond: spread(perSecond) }))
}

function tableOf(rates: readonly FleetRates[], records: number, rounds: number): Table {
  return {
    title: `fleet: one reader and several workers, ${records.toLocaleString('en')} records, a handler of 5 ms, ${rounds} rounds`,
    columns: ['', 'workers', 'records/s', 'relative to one worker'],
    rows: rates.map(({ engine, workers, perSecond }) => [
      engine,
      workers,
      show(perSecond),
      `${show(speedUp(rates, engine, workers), 2)} ×`,
    ]),
  }
}

/** The rate with a number of workers, relative to one. NaN if it was not measured. */
export function speedUp(rates: readonly FleetRates[] | undefined, engine: string, workers: number): number {
  const rateOf = (count: number) =>
    rates?.find((one) => one.engine === engine && one.workers === count)?.perSecond.median ?? Number.NaN
  return rateOf(workers) / rateOf(1)
}
