/** What is printed beside a test that fails: the whole error, and what the daemons under test and their containers said. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'node:test';
import { inspect } from 'node:util';

const DAEMON_CHARS = 6000;
const CONTAINER_CHARS = 500;

/** Of a test's context (Node 24), which the types do not know yet. */
interface Outcome {
  passed: boolean;
  error: Error | null;
}

/** What one daemon of the test has to say. */
type Witness = () => string;

const living = new Set<Witness>();
let ended: string[] = [];

afterEach((context) => {
  const { passed, error: wrapped } = context as unknown as Outcome;
  if (!passed) {
    // The reporter shows no errors that another one of the same test has hidden.
    const error = inspect(wrapped?.cause ?? wrapped, { depth: 4 });
    const reports = [...ended, ...[...living].map((witness) => witness())];
    context.diagnostic(`${context.fullName}\n${[error, ...reports].join('\n')}`);
  }
  ended = [];
});

/** Calls `witness` when a test fails, or as soon as it is dismissed, which keeps its last word until the test is over. */
export function callAsWitness(witness: Witness): { dismiss(): void } {
  living.add(witness);
  return {
    dismiss: () => {
      if (living.delete(witness)) ended.push(witness());
    },
  };
}

const tail = (text: string, chars: number): string => (text.length > chars ? `...${text.slice(-chars)}` : text);

/** The end of a daemon's log, and of each container's log with the record of its end. */
export function daemonReport(log: string, dataRoot: string, execRoot: string): string {
  const containers = join(dataRoot, 'containers');
  const ids = existsSync(containers) ? readdirSync(containers).filter((name) => name.length === 64) : [];
  const lines = ids.map((id) => {
    const output = readFileOr(join(containers, id, `${id}-json.log`));
    const exit = readFileOr(join(execRoot, 'containers', id, 'exit'))
      .trim()
      .replaceAll('\n', ' ');
    return `container ${id}; exit record: ${exit || 'none'}; log:\n${tail(output, CONTAINER_CHARS)}`;
  });
  return [`isled's log:`, tail(log, DAEMON_CHARS), ...lines].join('\n');
}

function readFileOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It is a report of what there is: the container may be half made or half removed.
    return '';
  }
}
