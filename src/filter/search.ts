import type { Field } from './parse-pattern.ts'

/** An element of an array that fields were found in, and that later fields must be found in too. */
interface Selection {
  readonly array: readonly unknown[]
  readonly index: number
  /** The last step that has the array on its path. Later ones do not depend on the selection. */
  readonly lastStep: number
  /** The selections that were made before this one. */
  readonly earlier: Selection | undefined
}

/** A field, prepared for the search. */
interface Step {
  readonly field: Field
  /** The keys that lead on from each segment: `keys[i][j]` joins the segments from `i` to `i + j`. */
  readonly keys: readonly (readonly string[])[]
  /** For each number of leading segments: the last step that has the same ones. */
  readonly lastSharing: readonly number[]
  /** Whether a later step matches an absent field, so that it matters what this one selects. */
  readonly isBeforeAbsence: boolean
}

/**
 * The maximum number of array elements that a search visits. A record that takes more matches, because it is
 * safer to process it. No usual record does: it takes large lists that several keys with dots lead to.
 */
const MAX_ELEMENTS = 2_000_000

/**
 * Compiles lists of fields into functions that return whether an event matches all fields of a list.
 *
 * Like EventBridge, they ignore arrays: each element is treated as if it were the value itself, and fields
 * that are found in the same array must be found in the same element. A key with dots is the same as the
 * nested keys that it spells.
 *
 * Fields are searched in the order of their names, as by EventBridge. This decides what an absent field means
 * below an array: `{ "exists": false }` matches if the field is absent from the element that earlier fields
 * were found in. If no earlier field is in that array, it must be absent from all elements.
 */
export function compileSearches(lists: readonly (readonly Field[])[]): ((event: object) => boolean)[] {
  // The combinations of a pattern share most of their fields.
  const keys = new Map<Field, string[][]>()
  for (const field of new Set(lists.flat())) keys.set(field, keysFrom(field.segments))
  return lists.map((fields) => {
    const steps = prepare(fields, (field) => keys.get(field) ?? [])
    return (event) => new Search(steps, event).matches(0, undefined)
  })
}

function keysFrom(segments: readonly string[]): string[][] {
  return segments.map((segment, from) => {
    // The names at the first two levels of a record are fixed, and none has a dot.
    if (from < 2) return [segment]
    return segments.slice(from).map((_, offset) => segments.slice(from, from + offset + 1).join('.'))
  })
}

function prepare(fields: readonly Field[], keysOf: (field: Field) => readonly (readonly string[])[]): Step[] {
  // Images are parsed on first access, so they come last. That changes nothing else: they share no array.
  const ordered = fields
    .map((field) => ({ field, name: field.segments.join('.') }))
    .sort((one, other) => order(one.field.readsImage, other.field.readsImage) || order(one.name, other.name))
    .map(({ field }) => field)
  const lastWithPrefix = new Map<string, number>()
  for (const [index, { segments }] of ordered.entries()) {
    for (let length = 0; length <= segments.length; length++) {
      lastWithPrefix.set(segments.slice(0, length).join('.'), index)
    }
  }
  const lastAbsence = ordered.findLastIndex(({ matchesAbsence }) => matchesAbsence)
  return ordered.map((field, index) => ({
    field,
    keys: keysOf(field),
    lastSharing: Array.from(
      { length: field.segments.length + 1 },
      (_, length) => lastWithPrefix.get(field.segments.slice(0, length).join('.')) ?? index,
    ),
    isBeforeAbsence: index < lastAbsence,
  }))
}

function order<T extends string | boolean>(one: T, other: T): number {
  return one < other ? -1 : one > other ? 1 : 0
}

/** The search in one event. */
class Search {
  readonly #steps: readonly Step[]
  readonly #event: object
  #visitedElements = 0
  /** For each step, the selections from which the search is known to fail. */
  #failed: Set<Selection | undefined>[] | undefined

  // What the current step has found.
  #step = 0
  /** What was selected when the step started. */
  #selected: Selection | undefined
  /** Whether the field exists in the selected elements, with any value. */
  #exists = false
  /** Whether a value matches without selecting anything else. */
  #matchesSelected = false
  /** The selections with which other values match. */
  #options: Selection[] = none

  constructor(steps: readonly Step[], event: object) {
    this.#steps = steps
    this.#event = event
  }

  /** Returns whether the fields from step `from` on match in the selected elements. */
  matches(from: number, selected: Selection | undefined): boolean {
    for (let index = from; index < this.#steps.length; index++) {
      const step = this.#steps[index] as Step
      // Many selections lead to the same state once their arrays do not matter anymore.
      const needed = withoutUnneeded(selected, index)
      if (needed !== selected) return this.#matchesOnce(index, needed)
      this.#step = index
      this.#selected = selected
      this.#exists = false
      this.#matchesSelected = false
      this.#options = none
      this.#visit(step, this.#event, 0, selected)
      if (this.#visitedElements > MAX_ELEMENTS) return true
      const canContinue = this.#matchesSelected || (step.field.matchesAbsence && !this.#exists)
      for (const option of this.#options) if (this.matches(index + 1, option)) return true
      if (!canContinue) return false
    }
    return true
  }

  /** Does not repeat a search that has failed before. */
  #matchesOnce(from: number, selected: Selection | undefined): boolean {
    this.#failed ??= this.#steps.map(() => new Set())
    const failed = this.#failed[from]
    if (failed?.has(selected)) return false
    if (this.matches(from, selected)) return true
    failed?.add(selected)
    return false
  }

  /**
   * Visits the values of a field in the selected elements, where `at` segments of its path lead to `value`.
   * Returns whether the visit is complete, although there may be more values.
   */
  #visit(step: Step, value: unknown, at: number, selection: Selection | undefined): boolean {
    if (Array.isArray(value)) return this.#visitElements(step, value, at, selection)
    const keysHere = step.keys[at]
    if (typeof value !== 'object' || value === null) {
      return keysHere === undefined && this.#found(step, value, selection)
    }
    if (keysHere === undefined) return false
    for (let offset = 0; offset < keysHere.length; offset++) {
      const key = keysHere[offset] as string
      const member: unknown = (value as Readonly<Record<string, unknown>>)[key]
      // The names at the first two levels are fixed. Those of attributes can be `constructor`, for example.
      if (member === undefined || (at > 1 && !Object.hasOwn(value, key))) continue
      if (this.#visit(step, member, at + offset + 1, selection)) return true
    }
    return false
  }

  #visitElements(
    step: Step,
    array: readonly unknown[],
    at: number,
    selection: Selection | undefined,
  ): boolean {
    const lastStep = step.lastSharing[at] ?? this.#step
    const selectedIndex = indexSelectedIn(array, selection)
    // Values that are elements themselves belong to no selection. But where a field has selected an element,
    // the path of this one leads on: a path sorts before all that it is the start of.
    if (selectedIndex !== undefined) return this.#visit(step, array[selectedIndex], at, selection)
    for (let index = 0; index < array.length; index++) {
      this.#visitedElements++
      const element = array[index]
      const selects = lastStep > this.#step && typeof element === 'object' && element !== null
      const inner = selects ? { array, index, lastStep, earlier: selection } : selection
      if (this.#visit(step, element, at, inner)) return true
    }
    return false
  }

  #found(step: Step, value: unknown, selection: Selection | undefined): boolean {
    this.#exists = true
    if (!step.field.test(value)) return false
    if (selection === undefined || selection === this.#selected) {
      this.#matchesSelected = true
      return !step.isBeforeAbsence
    }
    if (this.#options === none) this.#options = []
    if (this.#options.at(-1) !== selection) this.#options.push(selection)
    return false
  }
}

const none: Selection[] = []

/** Returns the element of the array that is selected, if there is one. */
function indexSelectedIn(array: readonly unknown[], selection: Selection | undefined): number | undefined {
  for (let one = selection; one !== undefined; one = one.earlier) if (one.array === array) return one.index
  return undefined
}

/** Returns the selections that step `index` or a later one depends on: the same object if those are all. */
function withoutUnneeded(selection: Selection | undefined, index: number): Selection | undefined {
  if (selection === undefined) return undefined
  const earlier = withoutUnneeded(selection.earlier, index)
  if (selection.lastStep < index) return earlier
  return earlier === selection.earlier ? selection : { ...selection, earlier }
}
