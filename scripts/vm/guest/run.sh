#!/bin/sh
# Second stage, the guest's process 1: makes the machine what a booted Debian would be, runs the job, reports, powers off.
# The job is a tar, raw on the third disk; its `command` is run in its directory. Two virtio ports carry what it prints
# and its exit code.
export PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t securityfs securityfs /sys/kernel/security
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
ln -sf /proc/self/fd /dev/fd
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
# Where systemd would have put it: the root passes controllers on to its children, and this shell is in one of them.
mkdir /sys/fs/cgroup/init.scope
echo $$ > /sys/fs/cgroup/init.scope/cgroup.procs
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
  echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control
done
hostname isle-vm
if grep -qw security=selinux /proc/cmdline; then
  mount -t selinuxfs selinuxfs /sys/fs/selinux
  load_policy -i
  setenforce 1
fi
ip link set lo up

for port in /sys/class/virtio-ports/*; do
  case $(cat "$port/name") in
    isle.output) output=/dev/${port##*/} ;;
    isle.exit) exit_port=/dev/${port##*/} ;;
  esac
done

mkdir -p /job
tar -C /job -xf /dev/vdc
cd /job || exit
sh ./command > "$output" 2>&1 < /dev/null
echo $? > "$exit_port"
exec busybox poweroff -f
