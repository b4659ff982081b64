import { styleText } from 'node:util'

/** Colours a text, or leaves it alone. */
export type Paint = (style: Style, text: string) => string

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan'

/** Colours for a stream that is a terminal and whose user wants them (`NO_COLOR`, `FORCE_COLOR`). */
export function paintFor(stream: NodeJS.WritableStream): Paint {
  return (style, text) => styleText(style, text, { stream })
}
