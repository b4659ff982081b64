import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { errorCode } from '../core/error-code.ts'
import { isStreamError } from '../core/errors.ts'
import { checkRedriveHandler, type RedriveHandler } from '../redrive/redrive-handler.ts'
import { CliError, exitCodes, usageError } from './errors.ts'

/**
 * Imports the module of `--handler`.
 *
 * @throws CliError `usage` if it has no valid handler, `handler` if it cannot be loaded.
 */
export async function importHandler(path: string, maxAttempts: number | undefined): Promise<RedriveHandler> {
  const exported = defaultOf(await importModule(path))
  if (exported === undefined) {
    throw usageError(`--handler ${path} has no default export, which must be the handler`)
  }
  try {
    return checkRedriveHandler(exported, maxAttempts)
  } catch (error) {
    if (!isStreamError(error, 'options.invalid')) throw error
    throw usageError(
      `The default export of --handler ${path} is invalid: ${error.message.replace(/\.$/, '')}`,
    )
  }
}

async function importModule(path: string): Promise<object> {
  // The errors of the module loader for these name a file of this package, as if that were the cause.
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw usageError(`--handler ${path} does not exist`)
  if (!found.isFile()) throw usageError(`--handler ${path} is not a file`)
  try {
    return await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    const message = `--handler ${path} cannot be loaded: ${reasonOf(error)}`
    throw new CliError('handler', message, exitCodes.usage, error)
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const reason = `${error.name}: ${error.message}`
  const isTypeScript = errorCode(error) === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?ts\b/.test(error.message)
  return isTypeScript ? `${reason}. Node.js loads TypeScript from version 22.18 on: compile it first` : reason
}

/** A module that was compiled from ES modules to CommonJS has its default export in a property. */
function defaultOf(module: object): unknown {
  const exported: unknown = Reflect.get(module, 'default')
  const isCompiled =
    typeof exported === 'object' && exported !== null && Reflect.get(exported, '__esModule') === true
  return isCompiled ? Reflect.get(exported, 'default') : exported
}
