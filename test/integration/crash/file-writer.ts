// Saves numbers in a checkpoint file, every second one from its first on, and reports each that is saved, until it is killed.
import { fileCheckpointStore } from '../../../src/checkpoints/file.ts'
import { numberedToken } from '../../support/numbered-token.ts'

const [folder = '', name = '', first = ''] = process.argv.slice(2)
const store = fileCheckpointStore(folder)
for (let number = Number(first); ; number += 2) {
  await store.save(name, numberedToken(number, 1 + (number % 200)))
  process.send?.(number)
}
