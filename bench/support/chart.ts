export interface Bar {
  readonly label: string
  readonly value: number
  /** Whether the bar belongs to this package. Such bars have a different color. */
  readonly isThisPackage: boolean
}

const width = 760
const labelWidth = 240
const rowHeight = 30
const top = 52

/** Renders a bar chart as SVG that is readable on light and dark pages. */
export function barChart(title: string, subtitle: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ value }) => value))
  const scale = (width - labelWidth - 90) / most
  const rows = bars.map(({ label, value, isThisPackage }, index) => {
    const y = top + index * rowHeight
    const length = Math.max(2, value * scale)
    return [
      `<text x="${labelWidth - 10}" y="${y + 15}" text-anchor="end">${escapeXml(label)}</text>`,
      `<rect x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="20" rx="2" fill="${isThisPackage ? '#2f81f7' : '#8b949e'}"/>`,
      `<text x="${(labelWidth + length + 8).toFixed(1)}" y="${y + 15}">${Math.round(value).toLocaleString('en')}</text>`,
    ].join('\n')
  })
  const height = top + bars.length * rowHeight + 8
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}">
<style>text{font:13px system-ui,sans-serif;fill:#59636e}.title{font-weight:600;font-size:15px}@media(prefers-color-scheme:dark){text{fill:#9198a1}}</style>
<text class="title" x="10" y="20">${escapeXml(title)}</text>
<text x="10" y="38">${escapeXml(subtitle)}</text>
${rows.join('\n')}
</svg>
`
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
