/** A launcher that a container's monitor makes: what it starts is in the monitor's Landlock domain, as the container is. */
import type { Socket } from 'node:net';
import { EngineError } from '../errors.ts';
import { TABLE_HASH } from './encode.ts';
import type { Started } from './launcher-frames.ts';
import { connectSocket } from './monitor.ts';
import { encodeMonitorFrame, MONITOR_FRAME } from './monitor-frames.ts';
import { PlanChannel } from './plan-channel.ts';
import type { Plan } from './plan/table.ts';

export class HostedLauncher {
  readonly #socket: Socket;
  readonly #channel: PlanChannel;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#channel = new PlanChannel(socket);
    socket.once('close', () => this.#channel.end("the launcher that the container's monitor made has ended"));
  }

  /**
   * `socketPath`: the monitor's; `islet`: absolute path of the program, for a monitor of another build than this daemon.
   * Rejects with Unavailable when no monitor listens. A program that cannot be executed shows at the first request.
   */
  static async open(socketPath: string, islet: string): Promise<HostedLauncher> {
    let socket: Socket;
    try {
      socket = await connectSocket(socketPath);
    } catch (cause) {
      throw new EngineError('Unavailable', "the container's monitor has ended", { code: 'EMONITORGONE', cause });
    }
    const payload = Buffer.concat([Buffer.alloc(4), Buffer.from(islet)]);
    payload.writeUInt32LE(TABLE_HASH);
    // In one piece: the monitor reads the payload together with the head.
    socket.write(encodeMonitorFrame(MONITOR_FRAME.launcher, payload));
    return new HostedLauncher(socket);
  }

  /** As PlanChannel.start. */
  start(plan: Plan, onListening?: () => void): Promise<Started> {
    return this.#channel.start(plan, onListening);
  }

  /** Ends the launcher. What it started goes on; a monitor that waits to be attached to waits no longer. */
  close(): void {
    this.#socket.destroy();
  }
}
