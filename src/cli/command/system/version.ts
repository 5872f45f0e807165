import type { VersionResponse } from '../../../api/types/system.ts';
import { stringifyJson } from '../../../client/json.ts';
import { CommandError, describeError } from '../../errors.ts';
import { messages } from '../../format/messages.ts';
import { ISLE_VERSION } from '../../version.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';
import { objectFormatFlag } from '../format-flag.ts';

const GO_ARCH: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  flags: { format: objectFormatFlag },
  arguments: ARGUMENTS.none,
  async run({ flags, engine, io }) {
    const client = {
      Version: ISLE_VERSION,
      NodeVersion: process.version,
      Os: process.platform,
      Arch: GO_ARCH[process.arch] ?? process.arch,
    };
    if (flags.format === '') {
      io.stdout.write(
        section('Client:', 19, [
          ['Version', client.Version],
          ['Node version', client.NodeVersion],
          ['OS/Arch', `${client.Os}/${client.Arch}`],
        ]),
      );
      io.stdout.write(`\n${serverText(await engine.system.version())}`);
      return 0;
    }
    const document = { Client: client, Server: await engine.system.version() };
    io.stdout.write(`${await printDocument(document, flags.format)}\n`);
    return 0;
  },
});

/** A document as JSON or by a template. @throws CommandError, exit code 64, for a bad template */
export async function printDocument(document: unknown, format: string): Promise<string> {
  if (format === 'json') return stringifyJson(document);
  const { compileTemplate } = await import('../../format/template/evaluate.ts');
  try {
    return compileTemplate(format)(document);
  } catch (error) {
    throw new CommandError(messages.badTemplate(describeError(error).message), { exitCode: 64, cause: error });
  }
}

function serverText(server: VersionResponse): string {
  const name = server.Platform?.Name ? ` ${server.Platform.Name}` : '';
  const minimum = server.MinAPIVersion === undefined ? '' : ` (minimum version ${server.MinAPIVersion})`;
  const rows: [string, string | undefined][] = [
    ['Version', server.Version],
    ['API version', `${server.ApiVersion}${minimum}`],
    ['Git commit', server.GitCommit],
    ['Built', server.BuildTime],
    ['OS/Arch', `${server.Os}/${server.Arch}`],
    ['Kernel version', server.KernelVersion],
  ];
  const components = (server.Components ?? [])
    .filter((component) => component.Name !== 'Engine')
    .map((component) => section(` ${component.Name}:`, 18, [['Version', component.Version]], '  '));
  return `Server:${name}\n${section(' Engine:', 18, rows, '  ')}${components.join('')}`;
}

/** A heading and "name: value" lines with the values in one column; unknown values are left out. */
function section(
  heading: string,
  width: number,
  rows: readonly (readonly [string, string | undefined])[],
  indent = ' ',
): string {
  const lines = rows
    .filter(([, value]) => value)
    .map(([name, value]) => `${indent}${`${name}:`.padEnd(width)}${value}\n`);
  return `${heading}\n${lines.join('')}`;
}
