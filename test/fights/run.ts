import { parseArgs } from 'node:util'
import { startDynamoDBLocal } from '../support/dynamodb-local.ts'
import { fightOverCheckpoint } from './checkpoint-fight.ts'

/** `npm run fight -- --seconds 60 --workers 5` */
const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, workers: { type: 'string', default: '5' } },
})
await using local = await startDynamoDBLocal({ version: 'current' })
const client = local.tableClient()
const seconds = Number(values.seconds)
console.log(`${values.workers} processes compete for one checkpoint for ${seconds} s`)
const { violations, ...counts } = await fightOverCheckpoint({
  client,
  endpoint: local.endpoint,
  seconds,
  workers: Number(values.workers),
})
client.destroy()
console.log(counts)
for (const violation of violations) console.log(`VIOLATION: ${violation}`)
console.log(violations.length === 0 ? 'The checkpoint never went back.' : `${violations.length} violations`)
process.exitCode = violations.length === 0 ? 0 : 1
