/** Measures the longest turn of the event loop, in ms of CPU time, so that other processes do not count. */
export function watchBlocks(): { stop(): number } {
  let longest = 0
  let before = process.cpuUsage()
  let isOver = false
  const look = () => {
    const { user, system } = process.cpuUsage(before)
    longest = Math.max(longest, (user + system) / 1_000)
    before = process.cpuUsage()
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  return {
    stop: () => {
      isOver = true
      return longest
    },
  }
}
