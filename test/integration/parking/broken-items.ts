import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Whether the handler fails for the records of an item, as files in a folder that all processes see. */
export interface BrokenItems {
  has(id: string): boolean
  add(id: string): void
  delete(id: string): void
}

export function brokenItems(folder: string): BrokenItems {
  mkdirSync(folder, { recursive: true })
  const pathOf = (id: string) => join(folder, id)
  return {
    has: (id) => existsSync(pathOf(id)),
    add: (id) => writeFileSync(pathOf(id), ''),
    delete: (id) => rmSync(pathOf(id), { force: true }),
  }
}
