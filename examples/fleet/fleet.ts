// Runs one reader with one worker, with four workers, and with four of which one is killed:
//   npx tsx examples/fleet/fleet.ts                         with SQS, emulated in this process
//   npx tsx examples/fleet/fleet.ts nats://127.0.0.1:4222   with JetStream: nats-server -js
//   npx tsx examples/fleet/fleet.ts sqs 5000                with 5,000 changes
import { startNats, startSqs } from './engines.ts'
import type { FleetResult } from './ledger.ts'
import { runFleet } from './run-fleet.ts'

const [where = 'sqs', changes = '1000'] = process.argv.slice(2)
const records = Number(changes)

const one = await run(1)
print('1 worker', one)
const four = await run(4)
print('4 workers', four)
console.log(`${(four.perSecond / one.perSecond).toFixed(1)} times as fast`)
const killed = await run(4, true)
print('4 workers, the first one killed', killed)
const isExact = [one, four, killed].every(({ lost, outOfOrder }) => lost === 0 && outOfOrder === 0)
console.log(isExact ? 'nothing lost, every order in order' : 'FAILED')
process.exit(isExact ? 0 : 1)

async function run(workers: number, kill = false): Promise<FleetResult> {
  const { engine, stop } = where === 'sqs' ? await startSqs() : await startNats(where)
  try {
    return await runFleet({ engine, workers, records, kill })
  } finally {
    await stop()
  }
}

function print(title: string, { seconds, perSecond, handledBy, repeated }: FleetResult): void {
  const rate = `${seconds.toFixed(1)} s, ${Math.round(perSecond)} changes/s`
  console.log(`${title}: ${rate}; handled ${handledBy.join(' + ')}, ${repeated} of them again`)
}
