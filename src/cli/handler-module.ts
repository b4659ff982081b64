import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
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
  try {
    return await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    throw new CliError('handler', `--handler ${path} cannot be loaded: ${reason}`, exitCodes.usage, error)
  }
}

/** A module that was compiled from ES modules to CommonJS has its default export in a property. */
function defaultOf(module: object): unknown {
  const exported: unknown = Reflect.get(module, 'default')
  const isCompiled =
    typeof exported === 'object' && exported !== null && Reflect.get(exported, '__esModule') === true
  return isCompiled ? Reflect.get(exported, 'default') : exported
}
