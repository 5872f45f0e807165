/**
 * One run of a virtual machine under qemu, in software (TCG): works wherever the tests do, and is about twenty times slower
 * than the machine itself. Disks are never written: what a run changes lives in a file that has no name any more.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { MachineFiles } from './files.ts';

export interface Boot {
  /** What the kernel is told beside the console. */
  kernelArguments: string;
  /** The folder of the tests that run on it. */
  tests: string;
}

/** The machines that tests can ask for. */
export const BOOTS: Record<string, Boot> = {
  apparmor: { kernelArguments: 'cgroup_no_v1=all apparmor=1 security=apparmor', tests: 'test/vm' },
  // The guest enforces by itself, once it has loaded the policy.
  selinux: {
    kernelArguments: 'cgroup_no_v1=all selinux=1 security=selinux enforcing=0',
    tests: 'test/vm/selinux',
  },
};

export interface MachineRequest extends Pick<Boot, 'kernelArguments'> {
  files: MachineFiles;
  initramfs: string;
  /** A tar with the job. */
  job: string;
  /** The machine is ended after this time, whatever it does. */
  deadlineMs: number;
}

/** What the machine's kernel printed last is shown when it ends without a result. */
const CONSOLE_KEPT = 8000;

/** Boots, passes the job's output on to standard output as it comes, gives its exit code. Throws if there is none. */
export async function runMachine(request: MachineRequest): Promise<number> {
  // The kernel ends qemu with this process, however it dies.
  const command = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...qemuArguments(request)];
  const child = spawn('setpriv', command, { stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe', 'pipe'] });
  let isLate = false;
  const deadline = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, request.deadlineMs);
  const stop = (): void => void child.kill('SIGKILL');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, stop);
  const [output, exit, kernel] = [3, 4, 5].map((fd) => child.stdio[fd] as Readable);
  output?.on('data', (chunk: Buffer) => void process.stdout.write(chunk));
  const seen = [collect(exit), collect(kernel)];
  try {
    await closed(child);
  } finally {
    clearTimeout(deadline);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeListener(signal, stop);
  }
  const [code = '', kernelLog = ''] = seen.map((text) => text());
  if (/^\d+\n/.test(code)) return Number(code);
  const why = isLate ? `did not end within ${request.deadlineMs / 1000} s` : 'ended without telling a result';
  throw new Error(`the virtual machine ${why}; its console:\n${kernelLog}`);
}

/** Two processors, as the machines that run the tests have. Nothing but what is listed: no network, no screen. */
const MACHINE =
  '-M q35 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -nodefaults -no-user-config -display none -no-reboot';

function qemuArguments({ files, initramfs, job, kernelArguments }: MachineRequest): string[] {
  const drive = (file: string, mode: string) => ['-drive', `if=virtio,format=raw,file=${file},${mode}`];
  // Connected sockets that this process holds the other ends of: there is no name to clean up.
  const channel = (id: string, fd: number) => ['-chardev', `socket,id=${id},fd=${fd}`];
  const port = (id: string) => ['-device', `virtserialport,chardev=${id},name=isle.${id}`];
  return [
    MACHINE.split(' '),
    ['-kernel', files.kernel, '-initrd', initramfs, '-append', `console=ttyS0 panic=-1 ${kernelArguments}`],
    drive(files.rootDisk, 'snapshot=on,cache=unsafe'),
    drive(files.toolsDisk, 'readonly=on'),
    drive(job, 'readonly=on'),
    ['output', 'exit', 'console'].flatMap((id, index) => channel(id, index + 3)),
    ['-serial', 'chardev:console', '-device', 'virtio-serial-pci'],
    port('output'),
    port('exit'),
  ].flat();
}

function collect(stream: Readable | undefined): () => string {
  const decoder = new StringDecoder('utf8');
  let text = '';
  stream?.on('data', (chunk: Buffer) => {
    text = (text + decoder.write(chunk)).slice(-CONSOLE_KEPT);
  });
  return () => text;
}

function closed(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new Error('cannot start qemu through setpriv', { cause })));
    child.once('close', () => resolve());
  });
}
