import type { Model } from '../check.ts'
import { anyProcessingHistory, processingKinds } from './histories.ts'
import { playProcessing } from './play.ts'
import type { ProcessingHistory } from './steps.ts'

/** The model of `processStream`. */
export const processingModel: Model<ProcessingHistory> = {
  kinds: processingKinds,
  any: anyProcessingHistory,
  play: (history, trace) => playProcessing(history, trace),
  option: ' --model processing',
}
