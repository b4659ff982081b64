import { playParking } from './play.ts'
import type { Deed, ParkingHistory } from './steps.ts'

/** A moment at which an interference makes a history violate a guarantee. */
export interface Weakness {
  readonly moment: number
  readonly name: string
  readonly deed: Deed
  readonly violation: string
}

/**
 * Runs a history once for each of its moments (or every n-th of them), and interferes at that moment. Returns
 * the first moment at which that violates a guarantee.
 */
export async function findWeakness(
  history: ParkingHistory,
  deed: Deed,
  every = 1,
): Promise<Weakness | undefined> {
  const { moments } = await playParking(history)
  for (const [index, name] of moments.entries()) {
    const moment = index + 1
    if (moment % every !== 0) continue
    try {
      await playParking(history, { interference: { moment, deed } })
    } catch (error) {
      return { moment, name, deed, violation: String(error) }
    }
  }
  return undefined
}
