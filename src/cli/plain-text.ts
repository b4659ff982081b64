/**
 * Escapes what a terminal would act on: control characters (they set titles, clear the screen, move the cursor), line breaks,
 * and marks that reverse the direction of the text. Whoever can write an item could print them otherwise.
 */
export function plainText(text: string): string {
  return text.replaceAll(ACTIVE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/** The same in JSON text, which stays valid and means the same. */
export function plainJson(json: string): string {
  return json.replaceAll(ACTIVE, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

/** Of the format characters, not the joiners, which emoji and several scripts need. */
const ACTIVE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu
