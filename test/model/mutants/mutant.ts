/** A deliberate defect: a change to one file of the library. */
export interface Mutant {
  /** What the mutant does wrong. Unique in its file. */
  readonly name: string
  readonly file: string
  /** A string that occurs in the file exactly once, and its replacement. */
  readonly from: string
  readonly to: string
  /** Why no test can detect the mutant. Equivalent mutants are neither run nor counted. */
  readonly equivalent?: string
}

/** Assigns mutants to a file. */
export function inFile(file: string, mutants: readonly Omit<Mutant, 'file'>[]): Mutant[] {
  return mutants.map((mutant) => ({ ...mutant, file }))
}

/** Applies a mutant to the source. Returns undefined if `from` does not occur in it exactly once. */
export function mutate(source: string, { from, to }: Mutant): string | undefined {
  return source.split(from).length === 2 ? source.replace(from, () => to) : undefined
}
