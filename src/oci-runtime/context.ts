import type { Log } from './log.ts';

/** What every command gets. */
export interface RuntimeContext {
  /** Directory of the containers' states. */
  root: string;
  log: Log;
  systemdCgroup: boolean;
  /** The islet program. */
  islet: string;
}

/** A command: its exit status. */
export type Command = (context: RuntimeContext, args: readonly string[]) => number | Promise<number>;
