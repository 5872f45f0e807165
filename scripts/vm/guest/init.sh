#!/bin/busybox sh
# First stage, in the initramfs: finds the disks, mounts them, and hands over to the second stage.
# /modules/order lists what virtio needs, in the order in which one needs the other.
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do
  /bin/busybox insmod "/modules/$module.ko"
done < /modules/order
/bin/busybox mount -t ext4 -o noatime /dev/vda /root
/bin/busybox mount -t ext4 -o ro /dev/vdb /root/opt
/bin/busybox mount -t tmpfs tmpfs /root/run
/bin/busybox cp /run.sh /root/run/isle-vm.sh
/bin/busybox umount /proc /sys
exec /bin/busybox switch_root /root /bin/sh /run/isle-vm.sh
