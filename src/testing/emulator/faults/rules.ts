import { StreamError } from '../../../core/errors.ts'
import { unknownName } from '../../../core/options.ts'
import {
  type Checks,
  checkOptions,
  isObject,
  limit,
  numberFrom,
  wholeNumber,
} from '../../options/check-options.ts'
import { aShard } from '../state/commands.ts'
import type { Random } from '../state/random.ts'
import { checkEffect, type Effect } from './effect.ts'

/** The calls that a rule can match. `DescribeTable` is a call to DynamoDB, the others to DynamoDB Streams. */
export type CallName = 'DescribeStream' | 'GetShardIterator' | 'GetRecords' | 'ListStreams' | 'DescribeTable'

const callNames: readonly string[] = Object.keys({
  DescribeStream: true,
  GetShardIterator: true,
  GetRecords: true,
  ListStreams: true,
  DescribeTable: true,
} satisfies Readonly<Record<CallName, true>>)

/** @throws StreamError `options.invalid` if there is no such call. */
export function checkCallName(name: string): void {
  if (!callNames.includes(name)) throw unknownName('call', String(name), callNames, name)
}

/** The part of a call that rules and latency sources see. */
export interface Call {
  readonly name: CallName
  /** The shard of the call: for DescribeStream, the one whose children are requested. */
  readonly shard: string | undefined
}

/** Selects the calls that a rule applies to. */
export interface CallMatcher {
  /** Matches calls for this shard only. @default calls for any shard, or none */
  readonly shard?: string | { readonly shardId: string } | undefined
  /** The first matching call to which the rule applies; 1 is the next one after it is added. @default 1 */
  readonly nth?: number | undefined
  /**
   * The number of calls to which the rule applies, 1 or more. `Infinity` keeps the rule until it is removed.
   * @default 1; Infinity with `chance`
   */
  readonly times?: number | undefined
  /** The probability that the rule applies to a matching call, 0 to 1, drawn from the seed. @default 1 */
  readonly chance?: number | undefined
}

const matcherChecks: Checks<CallMatcher> = {
  shard: aShard,
  nth: wholeNumber(1),
  times: limit(1),
  chance: numberFrom(0, 1),
}

/**
 * An effect, or a function that returns one. The function runs when the rule applies to a call, before the
 * service processes it, and can change the emulator. It does not have to return an effect.
 */
export type EffectOrFactory = Effect | ((call: Call) => Effect | undefined) | ((call: Call) => void)

export interface Rules {
  /** @returns a function that removes the rule. */
  add(name: CallName | '*', matcher: CallMatcher, effect: EffectOrFactory): () => void
  /** Returns the merged effects of all rules that apply to the call; the rule added last wins. */
  match(call: Call): Effect | undefined
  clear(): void
}

interface Rule {
  readonly name: CallName | '*'
  readonly shard: string | undefined
  readonly chance: number
  readonly effect: EffectOrFactory
  /** The number of matching calls that are still to be skipped. */
  skip: number
  /** The number of calls to which the rule still applies. */
  remaining: number
}

export function createRules(random: Random): Rules {
  let rules: Rule[] = []

  const matches = (rule: Rule, call: Call) =>
    (rule.name === '*' || rule.name === call.name) && (rule.shard === undefined || rule.shard === call.shard)

  const consumeTurn = (rule: Rule): boolean => {
    if (rule.skip > 0) {
      rule.skip -= 1
      return false
    }
    if (rule.chance < 1 && random() >= rule.chance) return false
    rule.remaining -= 1
    return true
  }

  return {
    add: (name, matcher, effect) => {
      if (name !== '*') checkCallName(name)
      if (typeof effect !== 'function' && !isObject(effect)) throw missingEffect(effect)
      checkOptions('', matcher, matcherChecks)
      if (typeof effect !== 'function') checkEffect(effect)
      const rule: Rule = {
        name,
        shard: typeof matcher.shard === 'object' ? matcher.shard.shardId : matcher.shard,
        chance: matcher.chance ?? 1,
        effect,
        skip: (matcher.nth ?? 1) - 1,
        remaining: matcher.times ?? (matcher.chance === undefined ? 1 : Number.POSITIVE_INFINITY),
      }
      rules.push(rule)
      return () => {
        rules = rules.filter((other) => other !== rule)
      }
    },
    match: (call) => {
      if (rules.length === 0) return undefined
      const applicable = rules.filter((rule) => matches(rule, call) && consumeTurn(rule))
      if (applicable.length === 0) return undefined
      rules = rules.filter((rule) => rule.remaining > 0)
      let merged: Effect | undefined
      for (const { effect } of applicable) {
        const added = typeof effect === 'function' ? effect(call) : effect
        if (added) merged = { ...merged, ...added }
      }
      return merged
    },
    clear: () => {
      rules = []
    },
  }
}

function missingEffect(value: unknown): StreamError<'options.invalid'> {
  const expected = "an effect, such as { fail: 'ThrottlingException' }"
  const details = { option: 'effect', value, expected }
  return new StreamError('options.invalid', `on() requires ${expected}, as its third argument.`, details)
}
