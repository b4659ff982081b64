import type { Connection } from '../connection.ts'
import type { Notices } from '../notices.ts'
import type { Terminal } from '../terminal.ts'

/** What every command that calls the service receives, in addition to its options. */
export interface CommandContext {
  readonly connection: Connection
  readonly terminal: Terminal
  readonly notices: Notices
  /** Aborts on Ctrl-C. */
  readonly interrupt: AbortSignal
}
