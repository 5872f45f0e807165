/** The words of `isle explain` that the engine does not send. */
const SECTIONS: Readonly<Record<string, string>> = {
  setup: "in the monitor, in the host's namespaces, before the container exists",
  parent: 'in the monitor, beside the new process',
  child: "in the container's first process, in its new namespaces",
  cleanup: 'in the monitor, after the container has died',
};

export const explainMessages = {
  kind: (kind: 'container' | 'image') => kind,
  pid: (pid: number) => `pid ${pid} on the host`,
  allHold: (count: number) => `✓ The kernel enforces all ${count} of the facts below.`,
  someBroken: (broken: number, total: number) => `✗ The kernel does not enforce ${broken} of the ${total} facts below.`,
  notRunning: 'It does not run now: below is what was asked for. Start it to see what the kernel enforces.',
  asked: 'asked for',
  askedShort: 'asked for',
  enforced: 'enforced by the kernel',
  enforcedShort: 'enforced',
  source: 'read from',
  planTitle: (steps: number) => `How it is built: the isolation plan, ${steps} steps`,
  planSummary:
    'The engine turns all of the above into this flat list of system calls. A small C program executes it, step by step, and nothing else.',
  planSection: (section: string) => SECTIONS[section] ?? '',
  differences: (count: number, same: number) =>
    `${count} ${count === 1 ? 'fact differs' : 'facts differ'}, ${same} ${same === 1 ? 'says' : 'say'} the same of both.`,
  noDifference: (same: number) => `✓ Nothing differs: all ${same} facts say the same of both.`,
  notThere: '(nothing)',
  legend: '✓ enforced as asked   ✗ not enforced   · cannot be read back',
} as const;
