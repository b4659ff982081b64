/** Finds the cycles of a graph: its strongly connected components, by Tarjan's algorithm. */
export function findCycles(graph: ReadonlyMap<string, Iterable<string>>): string[][] {
  const cycles: string[][] = []
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const stack: string[] = []

  const visit = (node: string) => {
    const number = order.size
    order.set(node, number)
    stack.push(node)
    let low = number
    let leadsToItself = false
    for (const target of graph.get(node) ?? []) {
      leadsToItself ||= target === node
      if (!order.has(target)) visit(target)
      if (stack.includes(target)) low = Math.min(low, lowest.get(target) ?? (order.get(target) as number))
    }
    lowest.set(node, low)
    if (low < number) return
    const component = stack.splice(stack.indexOf(node))
    if (component.length > 1 || leadsToItself) cycles.push(component.sort())
  }

  for (const node of graph.keys()) if (!order.has(node)) visit(node)
  return cycles
}
