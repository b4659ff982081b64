import { stat } from 'node:fs/promises'
import { fileErrorReason } from '../checkpoints/file.ts'
import { errorCode } from '../core/error-code.ts'
import { fileParkingStore } from '../parking/file.ts'
import type { ParkingStore } from '../parking/parking-store.ts'
import { clientSettings, withoutPassword } from './client-settings.ts'
import { CliError, describeFailure, exitCodes } from './errors.ts'
import type { ParkingLocation } from './parked-options.ts'

/** A parking store as the command uses it. */
export interface OpenParking extends AsyncDisposable {
  readonly store: ParkingStore
  /** Where the store is, for messages. */
  readonly place: string
  /** Explains an error of the store to the user. */
  explain(error: unknown): unknown
}

/** @throws CliError if the folder does not exist, or no region is configured. */
export async function openParking(location: ParkingLocation): Promise<OpenParking> {
  return location.kind === 'folder' ? openFolder(location.path) : openTable(location)
}

async function openFolder(path: string): Promise<OpenParking> {
  const explain = (error: unknown): unknown => {
    if (errorCode(error) === undefined || error instanceof CliError || !isSystemError(error)) return error
    const message = `--parking-dir ${path} cannot be read: ${fileErrorReason(error)}`
    return new CliError('parking.failed', message, exitCodes.checkpoint, error)
  }
  // Otherwise a typo would look like a run without parked keys.
  const found = await stat(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw explain(error)
  })
  if (found?.isDirectory()) {
    return { store: fileParkingStore(path), place: path, explain, [Symbol.asyncDispose]: async () => {} }
  }
  const problem = found === undefined ? 'does not exist' : 'is not a folder'
  throw new CliError('parking.notFound', `--parking-dir ${path} ${problem}`, exitCodes.notFound)
}

/** Errors of the file system have the name of the system call. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error
}

async function openTable(location: Extract<ParkingLocation, { kind: 'table' }>): Promise<OpenParking> {
  const { tableName, endpoint } = location
  const settings = await clientSettings(location)
  const [{ DynamoDBClient }, { dynamoDBParkingStore }] = await Promise.all([
    import('@aws-sdk/client-dynamodb'),
    import('../parking/dynamodb.ts'),
  ])
  const client = new DynamoDBClient({
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 30_000 },
    ...settings,
  })
  const place = endpoint === undefined ? `region ${settings.region}` : withoutPassword(endpoint)
  return {
    store: dynamoDBParkingStore({ client, tableName }),
    place: `the table "${tableName}"`,
    explain: (error) => explainTableError(error, tableName, place),
    [Symbol.asyncDispose]: async () => client.destroy(),
  }
}

/** The advice for errors of the stream's calls would be wrong for some errors of the table. */
function explainTableError(error: unknown, tableName: string, place: string): unknown {
  if (!(error instanceof Error) || error instanceof CliError) return error
  if (error.name === 'ResourceNotFoundException') {
    const message = `There is no table "${tableName}" at ${place}. Check the name, the region and the credentials`
    return new CliError('parking.notFound', message, exitCodes.notFound, error)
  }
  if (error.name === 'AccessDeniedException') {
    const permissions = 'dynamodb:GetItem and Query; for release and drop also PutItem'
    const message = `${error.message} (${place}). Required permissions on the table: ${permissions}`
    return new CliError(error.name, message, exitCodes.denied, error)
  }
  const { code, message, exitCode } = describeFailure(error, place)
  return new CliError(code, message, exitCode, error)
}
