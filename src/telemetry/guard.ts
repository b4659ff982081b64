/**
 * Calls user code, such as a method of a meter or tracer. An error of it is ignored, also that of a promise,
 * because it must not affect the run.
 */
export function guard<Result>(call: () => Result): Result | undefined {
  try {
    const result = call()
    if (result instanceof Promise) result.catch(() => {})
    return result
  } catch {
    return undefined
  }
}
