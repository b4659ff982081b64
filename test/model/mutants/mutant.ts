/** A way in which the library can be broken on purpose. */
export interface Mutant {
  /** What the mutant does wrong. Unique in its file. */
  readonly name: string
  readonly file: string
  /** A string that occurs in the file exactly once, and its replacement. */
  readonly from: string
  readonly to: string
  /** Why no test can find it. Such a mutant is not run and does not count. */
  readonly equivalent?: string
}

/** Mutants of one file. */
export function inFile(file: string, mutants: readonly Omit<Mutant, 'file'>[]): Mutant[] {
  return mutants.map((mutant) => ({ ...mutant, file }))
}

/** The source with the mutant in it; undefined when it does not fit the source any more. */
export function mutate(source: string, { from, to }: Mutant): string | undefined {
  return source.split(from).length === 2 ? source.replace(from, () => to) : undefined
}
