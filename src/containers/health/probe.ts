/** One run of a health check: an exec whose output and exit code are kept. */
import { toEngineError } from '../../errors.ts';
import { randomHex } from '../../platform/random.ts';
import { LiveAttachment } from '../attachment.ts';
import type { Container } from '../container.ts';
import type { ContainersContext } from '../context.ts';
import { ExecSession } from '../exec/session.ts';
import { announceExec, startExec } from '../exec/start.ts';
import { formatTimeNs, nowNs } from '../record.ts';
import type { ProbeResult } from './state.ts';
import type { HealthTest } from './test.ts';

const SIGKILL = 9;
/** Docker's limit. */
const MAX_OUTPUT_BYTES = 4096;

/** The first bytes of an output; what follows is read and dropped. */
async function firstBytes(attachment: LiveAttachment): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of attachment.output as AsyncIterable<Buffer>) {
    if (length < MAX_OUTPUT_BYTES) chunks.push(chunk.subarray(0, MAX_OUTPUT_BYTES - length));
    length += chunk.length;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Never rejects for what happens in the container: that is a result. */
export async function probe(
  context: ContainersContext,
  container: Container,
  { argv, timeoutMs }: HealthTest,
): Promise<ProbeResult> {
  const Start = formatTimeNs(nowNs());
  const config = { Cmd: argv, AttachStdout: true, AttachStderr: true };
  const session = new ExecSession(randomHex(32), container, config);
  context.execs.set(session.id, session);
  announceExec(context, session);
  // As of a terminal: without frames, both streams as they come.
  const streams = { stdin: false, stdout: true, stderr: true };
  const attachment = new LiveAttachment(true, streams, () => undefined, session.ended);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    session.monitor?.signal(SIGKILL).catch(() => undefined);
    // Its children may hold the output open.
    attachment.finish();
  }, timeoutMs);
  try {
    const output = firstBytes(attachment);
    // Nobody waits for it when the start fails.
    output.catch(() => undefined);
    await startExec(context, session, { size: null, attachment });
    const Output = await output;
    if (!late) await session.ended;
    const End = formatTimeNs(nowNs());
    if (!late) return { Start, End, ExitCode: session.exitCode ?? -1, Output };
    return { Start, End, ExitCode: -1, Output: `Health check exceeded timeout (${goDuration(timeoutMs)}): ${Output}` };
  } catch (thrown) {
    return { Start, End: formatTimeNs(nowNs()), ExitCode: -1, Output: toEngineError(thrown).message };
  } finally {
    clearTimeout(timer);
    attachment.close();
    context.execs.delete(session.id);
  }
}

/** As Go prints one: 30s, 1.5s, 200ms. */
function goDuration(ms: number): string {
  return ms < 1000 ? `${ms}ms` : `${ms / 1000}s`;
}
