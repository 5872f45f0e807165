#!/bin/sh
# `npm run test:vm`: the tests of test/vm/ in a virtual machine. Arguments: those of scripts/vm/main.ts.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh debootstrap=debootstrap busybox-static=/bin/busybox \
  qemu-system-x86=qemu-system-x86_64 e2fsprogs=mkfs.ext4 cpio=cpio xz-utils=xz
exec node_modules/.bin/node scripts/vm/main.ts "$@"
