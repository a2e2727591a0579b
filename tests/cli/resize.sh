# The size of the disk: larger, smaller on demand only.
vdisk create disk.img 1M
printf 'kept' | "$program" write disk.img --offset 0
vdisk resize disk.img 3M
stat -c %s disk.img
vdisk resize disk.img +1M
stat -c %s disk.img
vdisk resize disk.img 2M
vdisk resize disk.img 2M --shrink
stat -c %s disk.img
vdisk read disk.img --length 4
echo
vdisk resize disk.img +9223372036854775807
vdisk resize disk.img +0
vdisk resize disk.img 1000
stat -c %s disk.img
# A partition, and the disk with it when that is too short. Independent tools find the tables right.
truncate -s 64M gpt.img
sfdisk -q gpt.img <<END
label: gpt
label-id: 11111111-2222-3333-4444-555555555555
start=2048, size=8M, type=uefi, uuid=AAAAAAAA-0000-0000-0000-000000000001
start=40960, size=16M, type=linux, uuid=AAAAAAAA-0000-0000-0000-000000000002
END
mke2fs -q -t ext4 -E offset=20971520 gpt.img 16M >/dev/null 2>&1
vdisk resize gpt.img +4M --partition 1
vdisk resize gpt.img 19M --partition 1
vdisk resize gpt.img +1 --partition 1
vdisk resize gpt.img +512 --partition 1
stat -c %s gpt.img
vdisk resize gpt.img 128M --partition 2
stat -c %s gpt.img
sfdisk --verify gpt.img | sed -n 2p
sfdisk -q -l -o Start,End,Sectors,Type,UUID gpt.img
vdisk info gpt.img | grep -A6 Partitions
dd if=gpt.img of=fs.img bs=1M skip=20 count=128 status=none
e2fsck -fn fs.img >/dev/null 2>&1
echo "the file system: $?"
vdisk resize gpt.img 8M --partition 2
vdisk resize gpt.img +1M --partition 3
vdisk resize gpt.img +1M --partition x
truncate -s 64M mbr.img
sfdisk -q mbr.img <<END
label: dos
label-id: 0x12345678
start=2048, size=8M, type=c, bootable
start=20480, size=20M, type=5
start=22528, size=8M, type=7
start=65536, size=32M, type=83
END
vdisk convert mbr.img mbr.vhdx
vdisk resize mbr.vhdx +2M --partition 1
vdisk resize mbr.vhdx +2M --partition 2
vdisk resize mbr.vhdx 20M --partition 5
vdisk resize mbr.vhdx 24M --partition 5
vdisk resize mbr.vhdx 100M --partition 3
vdisk convert mbr.vhdx back.img
sfdisk --verify back.img | sed -n 2p
sfdisk -q -l -o Start,End,Sectors,Id back.img
