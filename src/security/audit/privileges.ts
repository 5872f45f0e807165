/** Privileged mode, root, and what keeps a process from gaining privileges. */
import { hasUserNamespace, isPrivileged, userOf } from './subject.ts';
import type { Rule } from './types.ts';

export const privilegedFindings: Rule = (input) =>
  isPrivileged(input)
    ? [
        {
          id: 'privileged',
          title: 'Privileged: no fence is left but the namespaces',
          severity: 'critical',
          what: 'HostConfig.Privileged = true',
          attack:
            "Makes the host's disk as a device node with mknod(1), mounts it and adds a key to /root/.ssh or a line to /etc/crontab; loading a kernel module or writing /proc/sys/kernel/core_pattern works as well.",
          fix: 'Name what the program needs: --cap-add for single capabilities, --device for single devices, --security-opt for single filters.',
          reference: 'capabilities(7); CVE-2022-0492',
          origin: 'asked',
        },
      ]
    : [];

/** One of two findings: who chose root. */
export const rootFindings: Rule = (input) => {
  const { name, isRoot } = userOf(input);
  if (!isRoot || hasUserNamespace(input)) return [];
  const imageName = (input.imageUser ?? '').split(':', 1)[0] ?? '';
  const byImage = input.imageUser !== null && (name === '' || (imageName === name && name !== ''));
  const shared = {
    attack:
      'Code that runs in the program (by a flaw in it) is root at once: it holds all of the capabilities that the container has, writes every file of the image, and every file of root in a mounted host directory.',
    reference: 'capabilities(7)',
  } as const;
  if (byImage) {
    return [
      {
        id: 'image-runs-as-root',
        title: 'The image runs as root',
        severity: 'low',
        what: name === '' ? 'the image names no User' : `the image's User = ${input.imageUser}`,
        fix: 'Give -u UID:GID, or add USER to the Dockerfile.',
        origin: 'default',
        ...shared,
      },
    ];
  }
  return [
    {
      id: 'root-user',
      title: 'Runs as root',
      severity: 'low',
      what: name === '' ? 'process.user.uid = 0' : `Config.User = ${name}`,
      fix: 'Give -u UID:GID of a user without rights.',
      origin: 'asked',
      ...shared,
    },
  ];
};

export const noNewPrivilegesFindings: Rule = (input) => {
  if (input.spec.process?.noNewPrivileges === true) return [];
  const { isRoot } = userOf(input);
  return [
    {
      id: 'no-new-privileges-unset',
      title: 'Set-uid programs work',
      // For root there is nothing to gain.
      severity: isRoot ? 'info' : 'low',
      what: 'process.noNewPrivileges is not set',
      attack:
        "A user without rights executes a set-uid program of the image (su, sudo, mount) that has a flaw, and is root with the container's capabilities.",
      fix: '--security-opt no-new-privileges',
      reference: 'prctl(2), PR_SET_NO_NEW_PRIVS; CVE-2021-4034',
      origin: 'default',
    },
  ];
};

export const writableRootFindings: Rule = ({ spec }) =>
  spec.root?.readonly === true
    ? []
    : [
        {
          id: 'writable-root',
          title: 'The root file system can be written',
          severity: 'info',
          what: 'HostConfig.ReadonlyRootfs = false',
          attack:
            'Who gets in replaces programs or places tools in the container and finds them again after a restart; without a quota it can fill the disk of the host.',
          fix: '--read-only, with --tmpfs for the directories that the program writes to',
          reference: 'OCI runtime-spec, root.readonly',
          origin: 'default',
        },
      ];
