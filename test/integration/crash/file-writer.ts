// Saves every second number, from `first` on, in a checkpoint file, and reports each saved number until it is
// killed.
import { fileCheckpointStore } from '../../../src/checkpoints/file.ts'
import { numberedToken } from '../../support/numbered-token.ts'

const [folder = '', name = '', first = ''] = process.argv.slice(2)
const store = fileCheckpointStore(folder)
for (let number = Number(first); ; number += 2) {
  await store.save(name, numberedToken(number, 1 + (number % 200)))
  process.send?.(number)
}
