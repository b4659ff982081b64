import type { Model } from '../check.ts'
import { anyStreamHistory, streamKinds } from './histories.ts'
import { playStream } from './play.ts'
import type { StreamHistory } from './steps.ts'

/** The model of `openStream`. */
export const streamModel: Model<StreamHistory> = {
  kinds: streamKinds,
  any: anyStreamHistory,
  play: (history, trace) => playStream(history, trace),
  option: ' --model stream',
}
