import { checkNames, namesOf, unknownName } from '../../../core/options.ts'
import { checkBehavior, checkNumber } from '../behavior/check-behavior.ts'
import type { Random } from '../state/random.ts'
import { type Effect, faultNames } from './effect.ts'

export type CallName = 'DescribeStream' | 'GetShardIterator' | 'GetRecords' | 'ListStreams' | 'DescribeTable'

const callNames = Object.keys({
  DescribeStream: true,
  GetShardIterator: true,
  GetRecords: true,
  ListStreams: true,
  DescribeTable: true,
} satisfies Readonly<Record<CallName, true>>)

/** A call as a rule sees it. */
export interface Call {
  readonly name: CallName
  /** The shard it is about: for DescribeStream the one whose children are asked for. */
  readonly shard: string | undefined
}

/** Which calls a rule is for. */
export interface CallMatcher {
  /** Calls about this shard only. */
  readonly shard?: string | { readonly shardId: string } | undefined
  /** The rule acts first on the n-th call that fits, counted from 1 since it was made. 1 or more. @default 1 */
  readonly nth?: number | undefined
  /** And on so many calls that fit, 1 or more, `Infinity` to keep it. @default 1; with `chance` Infinity */
  readonly times?: number | undefined
  /** The rule acts on each call that fits with this probability, 0 to 1, drawn from the seed. @default 1 */
  readonly chance?: number | undefined
}

const whereNames = namesOf<CallMatcher>({ shard: true, nth: true, times: true, chance: true })

/** Given as a function, an effect is asked for when its turn comes, and may change the emulator before the call is answered. */
export type EffectOrFactory = Effect | ((call: Call) => Effect | undefined) | ((call: Call) => void)

export interface Rules {
  /** @returns a function that takes the rule back. */
  add(name: CallName | '*', where: CallMatcher, effect: EffectOrFactory): () => void
  /** The effects of all rules whose turn it is, merged (the later rule wins); undefined when there are none. */
  match(call: Call): Effect | undefined
  clear(): void
}

interface Rule {
  readonly name: CallName | '*'
  readonly shard: string | undefined
  readonly chance: number
  readonly effect: EffectOrFactory
  /** Calls to let pass first. */
  skip: number
  left: number
}

export function createRules(random: Random): Rules {
  let rules: Rule[] = []

  const fits = (rule: Rule, call: Call) =>
    (rule.name === '*' || rule.name === call.name) && (rule.shard === undefined || rule.shard === call.shard)

  const acts = (rule: Rule): boolean => {
    if (rule.skip > 0) {
      rule.skip -= 1
      return false
    }
    if (rule.chance < 1 && random() >= rule.chance) return false
    rule.left -= 1
    return true
  }

  return {
    add: (name, where, effect) => {
      if (name !== '*' && !callNames.includes(name)) throw unknownName('call', String(name), callNames, name)
      check(where)
      if (typeof effect !== 'function') checkBehavior('', effect, faultNames)
      const rule: Rule = {
        name,
        shard: typeof where.shard === 'object' ? where.shard.shardId : where.shard,
        chance: where.chance ?? 1,
        effect,
        skip: (where.nth ?? 1) - 1,
        left: where.times ?? (where.chance === undefined ? 1 : Number.POSITIVE_INFINITY),
      }
      rules.push(rule)
      return () => {
        rules = rules.filter((other) => other !== rule)
      }
    },
    match: (call) => {
      if (rules.length === 0) return undefined
      const acting = rules.filter((rule) => fits(rule, call) && acts(rule))
      if (acting.length === 0) return undefined
      rules = rules.filter((rule) => rule.left > 0)
      let merged: Effect | undefined
      for (const { effect } of acting) {
        const given = typeof effect === 'function' ? effect(call) : effect
        if (given) merged = { ...merged, ...given }
      }
      return merged
    },
    clear: () => {
      rules = []
    },
  }
}

function check(where: CallMatcher): void {
  checkNames('', where, whereNames)
  const { nth = 1, times = 1, chance = 1 } = where
  checkNumber('nth', nth, { min: 1, max: Number.MAX_SAFE_INTEGER, whole: true })
  checkNumber('times', times, { min: 1, max: Number.POSITIVE_INFINITY, whole: true })
  checkNumber('chance', chance, { min: 0, max: 1 })
}
