import { createStreamsClient } from '../streams-api/make-client.ts'
import { usageError } from './errors.ts'

/** How an SDK client connects to a service. */
export interface ClientSettings {
  readonly endpoint?: string
  readonly region: string
  /** Only for an endpoint on this machine, if no credentials are configured. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

/** DynamoDB Local and the emulator accept any credentials and region. */
const localCredentials = { accessKeyId: 'local', secretAccessKey: 'local' } as const
const localRegion = 'us-east-1'

/**
 * Resolves the region and the credentials, without calling the service.
 *
 * @param options.region - default: the configured one.
 * @throws CliError `usage` if there is no region.
 */
export async function clientSettings(options: {
  readonly endpoint: string | undefined
  readonly region: string | undefined
}): Promise<ClientSettings> {
  const { endpoint } = options
  const isLocal = endpoint !== undefined && isLoopback(endpoint)
  // The SDK looks for credentials in the metadata service of EC2 last, and is slow to give up on other
  // machines.
  if (isLocal) process.env.AWS_EC2_METADATA_DISABLED ??= 'true'
  const region = options.region ?? (await configuredRegion(isLocal))
  const credentials = isLocal && !(await hasCredentials(region)) ? localCredentials : undefined
  return { ...(endpoint && { endpoint }), region, ...(credentials && { credentials }) }
}

/** Returns a URL without its user name and password, for messages. */
export function withoutPassword(endpoint: string): string {
  const url = new URL(endpoint)
  if (url.username === '' && url.password === '') return endpoint
  url.username = url.password = ''
  return url.href
}

function isLoopback(endpoint: string): boolean {
  const { hostname } = new URL(endpoint)
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

async function configuredRegion(isLocal: boolean): Promise<string> {
  const probe = createStreamsClient()
  try {
    return await probe.config.region()
  } catch {
    if (isLocal) return localRegion
    throw usageError('No region is configured: use --region, or set AWS_REGION')
  } finally {
    probe.destroy()
  }
}

async function hasCredentials(region: string): Promise<boolean> {
  const probe = createStreamsClient({ region })
  try {
    await probe.config.credentials()
    return true
  } catch {
    return false
  } finally {
    probe.destroy()
  }
}
