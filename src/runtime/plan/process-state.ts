/** JSON about a process that islet completes: nobody knows the pid before the process is there. */

/** Stands for the pid while the document is text already. */
const PID_MARK = 1_234_567_890_123;

/** Give it where islet is to write the pid, as a field `pid`. */
export const UNKNOWN_PID: number = PID_MARK;

/**
 * The JSON text of `document` in pieces; between two of them belong the pid's digits. Only fields called `pid` are cut:
 * inside of a string the quotes around the name would be escaped.
 */
export function aroundPid(document: object): string[] {
  const field = '"pid":';
  const pieces = JSON.stringify(document).split(`${field}${PID_MARK}`);
  return pieces.map((piece, index) => (index < pieces.length - 1 ? `${piece}${field}` : piece));
}
