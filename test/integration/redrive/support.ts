import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Destination } from '../../../src/destinations/destination.ts'
import { openStream, processStream } from '../../../src/index.ts'
import { StreamEmulator } from '../../../src/testing/index.ts'

/** A string in every item, which must not appear in any output. */
export const CANARY = 'canary-7e41'

export const folder: string = mkdtempSync(join(tmpdir(), 'redrive-'))
let files = 0

/** A handler module that appends `<id> <version>` of each record to a file. */
export interface HandlerModule {
  readonly path: string
  handled(): readonly string[]
}

/** @param before - code that runs first, with `record`, `context` and `log`. */
export function handlerModule(before = ''): HandlerModule {
  const log = join(folder, `${++files}.log`)
  const path = join(folder, `${files}.mjs`)
  writeFileSync(log, '')
  writeFileSync(
    path,
    `import { appendFileSync } from 'node:fs'
     const log = (line) => appendFileSync(${JSON.stringify(log)}, line + '\\n')
     export default {
       retry: { minDelayMs: 0, maxDelayMs: 0 },
       async handler(record, context) {
         ${before}
         log(record.keys.id + ' ' + (record.newImage ?? record.oldImage).version)
       },
     }`,
  )
  return { path, handled: () => readFileSync(log, 'utf8').split('\n').slice(0, -1) }
}

/** Writes versions 1 to `versions` of each item, in turn, and deletes the first item. */
export function writeItems(emulator: StreamEmulator, ids: readonly string[], versions: number): void {
  for (let version = 1; version <= versions; version++) {
    for (const id of ids) emulator.put({ id, version, secret: CANARY, bytes: new Uint8Array([0, 255]) })
  }
  emulator.remove({ id: ids[0] ?? '' })
}

/** Processes a stream with a handler that fails for every record, so that each becomes a dead letter. */
export async function giveUpAll(emulator: StreamEmulator, destination: Destination): Promise<number> {
  await using stream = await openStream({
    client: emulator.client(),
    streamArn: emulator.streamArn,
    startAt: 'trim_horizon',
  })
  const fail = () => {
    throw new Error(`The item is invalid: ${CANARY}`)
  }
  const run = processStream(stream, fail, {
    onFailure: destination,
    retry: { maxAttempts: 1 },
    name: 'worker',
  })
  let letters = 0
  run.on('deadLettered', () => {
    letters++
    if (letters === emulator.records.length) void run.stop()
  })
  await run
  return letters
}

/** Returns the versions of each item, in the order in which they were handled. */
export function versionsById(handled: readonly string[]): Readonly<Record<string, readonly number[]>> {
  const versions: Record<string, number[]> = {}
  for (const line of handled) {
    const [id = '', version = ''] = line.split(' ')
    versions[id] = [...(versions[id] ?? []), Number(version)]
  }
  return versions
}

export { StreamEmulator }
