#!/bin/sh
# `npm test`: installs what the tests need, builds, checks, runs every test. Arguments: test files to run instead of all.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh skopeo=skopeo openssl=openssl docker-registry=docker-registry debootstrap=debootstrap busybox-static=/bin/busybox \
  iproute2=ip nftables=nft bsdutils=script strace=strace procps=ps runc=runc crun=crun podman=podman conmon=conmon \
  libseccomp-dev=/usr/include/seccomp.h \
  qemu-system-x86=qemu-system-x86_64 e2fsprogs=mkfs.ext4 cpio=cpio xz-utils=xz
PATH=$PWD/node_modules/.bin:$PATH
export PATH
exec node scripts/test.ts "$@"
