import type { InfoResponse } from '../../../api/types/system.ts';
import { messages } from '../../format/messages.ts';
import { binarySize } from '../../format/units.ts';
import { ISLE_VERSION } from '../../version.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { objectFormatFlag } from '../format-flag.ts';
import { printDocument } from './version.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  flags: { format: objectFormatFlag },
  arguments: ARGUMENTS.none,
  async run({ flags, engine, io }) {
    const info = await engine.system.info();
    if (flags.format !== '') {
      io.stdout.write(`${await printDocument(info, flags.format)}\n`);
      return 0;
    }
    io.stdout.write(`Client:\n Version: ${ISLE_VERSION}\n\nServer:\n${infoLines(info).join('\n')}\n`);
    for (const warning of info.Warnings ?? [])
      io.stderr.write(warning.startsWith('WARNING:') ? `${warning}\n` : messages.warning(warning));
    return 0;
  },
});

type InfoRow = readonly [name: string, value: string | number | undefined | null];

function infoLines(info: InfoResponse): string[] {
  const rows: InfoRow[] = [
    [' Containers', info.Containers],
    ['  Running', info.ContainersRunning],
    ['  Paused', info.ContainersPaused],
    ['  Stopped', info.ContainersStopped],
    [' Images', info.Images],
    [' Server Version', info.ServerVersion],
    [' Storage Driver', info.Driver],
    ...(info.DriverStatus ?? []).map(([name, value]): InfoRow => [`  ${name}`, value]),
    [' Logging Driver', info.LoggingDriver],
    [' Cgroup Driver', info.CgroupDriver],
    [' Cgroup Version', info.CgroupVersion],
    [' Network Drivers', info.Plugins?.Network?.join(' ')],
    [' Log Drivers', info.Plugins?.Log?.join(' ')],
    [' Runtimes', Object.keys(info.Runtimes ?? {}).join(' ')],
    [' Default Runtime', info.DefaultRuntime],
    [' Security Options', info.SecurityOptions?.map((option) => option.replace(/^name=/, '')).join(' ')],
    [' Kernel Version', info.KernelVersion],
    [' Operating System', info.OperatingSystem],
    [' OSType', info.OSType],
    [' Architecture', info.Architecture],
    [' CPUs', info.NCPU],
    [' Total Memory', info.MemTotal === undefined ? undefined : binarySize(info.MemTotal)],
    [' Name', info.Name],
    [' ID', info.ID],
    [' Root Dir', info.DockerRootDir],
    [' Debug Mode', info.Debug === undefined ? undefined : String(info.Debug)],
  ];
  return rows
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([name, value]) => `${name}: ${value}`);
}
