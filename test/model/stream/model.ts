import type { Model } from '../check.ts'
import { anyStreamHistory, streamKinds } from './histories.ts'
import { playStream } from './play.ts'
import type { StreamHistory } from './steps.ts'

/** The model test of `openStream`. */
export const streamModel: Model<StreamHistory> = {
  kinds: streamKinds,
  any: anyStreamHistory,
  play: (history, tell) => playStream(history, tell),
  option: ' --model stream',
}
