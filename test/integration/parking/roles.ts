import { type Role, rolesOf } from '../processing/roles.ts'

const generalRoleOf = rolesOf()

/**
 * Returns what becomes of a record unless its item is broken (see `broken-items.ts`). No record parks its key
 * by itself: it fails less often than that.
 */
export function roleOf(n: number): Role {
  const role = generalRoleOf(n)
  if (role.kind === 'hopeless') return { kind: 'handled' }
  return role.kind === 'failing' ? { kind: 'failing', failures: 1 + (n % 2) } : role
}

/** After how many failed attempts a key is parked. */
export const PARK_AFTER = 3
