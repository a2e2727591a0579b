# What an image holds: partitions, or a file system.
known()
{
    sed -e 's/^Takes:.*/Takes:/' -e 's/"actual-size": [0-9]*/"actual-size": N/'
}

truncate -s 64M mbr.img
sfdisk -q mbr.img <<END
label: dos
label-id: 0x12345678
start=2048, size=8M, type=c, bootable
start=18432, size=40M, type=5
start=20480, size=8M, type=7
start=40960, size=8M, type=83
END
mkfs.vfat --invariant -n FIRST --offset 2048 mbr.img 8192 >/dev/null
vdisk info mbr.img | known
vdisk info mbr.img --json | known
truncate -s 64M gpt.img
sfdisk -q gpt.img <<END
label: gpt
label-id: 11111111-2222-3333-4444-555555555555
start=2048, size=8M, type=uefi, name="EFI system partition", uuid=AAAAAAAA-0000-0000-0000-000000000001
start=18432, size=16M, type=linux, name="Größe", uuid=AAAAAAAA-0000-0000-0000-000000000002
END
vdisk info gpt.img | known
vdisk convert gpt.img gpt.vhdx
vdisk info gpt.vhdx --json | sed -n '/partition-table/,$p'
# The second copy of the table serves when the first one is damaged, and nothing when both are.
printf 'x' | dd of=gpt.img bs=1 seek=528 conv=notrunc status=none
vdisk info gpt.img | grep -A9 Partitions
printf 'x' | dd of=gpt.img bs=1 seek=$((64 * 1048576 - 496)) conv=notrunc status=none
vdisk info gpt.img | grep -A9 Partitions
vdisk create fat.img 4M --fs fat --label HELLO
vdisk info fat.img | grep Holds
vdisk create exfat.img 4M --fs exfat --label Hello
vdisk info exfat.img | grep Holds
mke2fs -q -t ext4 -L linux ext.img 4M 2>/dev/null
vdisk info ext.img | grep Holds
