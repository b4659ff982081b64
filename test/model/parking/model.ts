import type { Model } from '../check.ts'
import { anyParkingHistory, parkingKinds } from './histories.ts'
import { playParking } from './play.ts'
import type { ParkingHistory } from './steps.ts'

/** The model of parking. */
export const parkingModel: Model<ParkingHistory> = {
  kinds: parkingKinds,
  any: anyParkingHistory,
  play: (history, trace) => playParking(history, { trace }),
  option: ' --model parking',
}
