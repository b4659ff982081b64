/** Calls a method of a meter or tracer. An error of it is ignored, because it must not affect the run. */
export function guard<Result>(call: () => Result): Result | undefined {
  try {
    return call()
  } catch {
    return undefined
  }
}
