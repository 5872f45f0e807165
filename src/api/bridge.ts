/** Ties a client's raw connection to a container's streams. */
import { type Duplex, Transform } from 'node:stream';
import type { Attachment } from './backend.ts';
import { DetachScanner } from './detach-keys.ts';

/**
 * Runs until the container's output ends or the client leaves. The client's half-close ends only the container's
 * input; the end of the output half-closes our side and lets the client close. The attachment is always closed.
 * `detachKeys` are looked for in a terminal's input only.
 */
export function bridge(connection: Duplex, attachment: Attachment, detachKeys: Uint8Array): void {
  const { output, input, tty } = attachment;
  if (connection.destroyed) {
    attachment.close();
    return;
  }
  connection.once('close', () => attachment.close());
  const finish = () => {
    connection.end();
    // What still comes in is dropped; only by reading on is the client's close seen.
    connection.unpipe();
    connection.resume();
    attachment.close();
  };
  output.once('close', finish);
  output.once('end', finish);
  // A broken output must not look like its end.
  output.on('error', () => connection.destroy());
  output.pipe(connection, { end: false });
  if (input === null) {
    connection.resume();
    return;
  }
  const drop = () => {
    connection.unpipe();
    connection.resume();
  };
  // The container closed its input (or exited): go on with the output.
  input.on('error', drop);
  input.once('close', drop);
  if (!tty) {
    connection.pipe(input);
    return;
  }
  const detach = () => {
    attachment.close('detached');
    finish();
  };
  connection.pipe(detachFilter(detachKeys, detach)).pipe(input);
}

function detachFilter(keys: Uint8Array, onDetach: () => void): Transform {
  const scanner = new DetachScanner(keys);
  let detached = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (!detached) {
        const scanned = scanner.push(chunk);
        if (scanned.bytes.length > 0) this.push(scanned.bytes);
        detached = scanned.detached;
        if (detached) onDetach();
      }
      done();
    },
    flush(done) {
      done(null, detached ? undefined : scanner.flush());
    },
  });
}
