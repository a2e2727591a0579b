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
mkfs.vfat --invariant -n FIRST --offset 2048 mbr.img 8192 >/dev/null 2>&1
vdisk info mbr.img | known
vdisk info mbr.img --json | known
truncate -s 64M gpt.img
sfdisk -q gpt.img <<END
label: gpt
label-id: 11111111-2222-3333-4444-555555555555
start=2048, size=8M, type=uefi, name="EFI system partition", uuid=AAAAAAAA-0000-0000-0000-000000000001
start=18432, size=16M, type=linux, name="Größe", uuid=AAAAAAAA-0000-0000-0000-000000000002
END
mke2fs -q -t ext4 -L "Äther" -E offset=9437184 gpt.img 16M >/dev/null 2>&1
vdisk info gpt.img | known
vdisk convert gpt.img gpt.vhdx
vdisk info gpt.vhdx --json | sed -n '/partition-table/,$p'
# A child has what its parent has, as long as that is there.
vdisk create child.qcow2 --parent gpt.img
vdisk info child.qcow2 | sed -n '/Parent/,$p'
mv gpt.img away.img
vdisk info child.qcow2 | sed -n '/Parent/,$p'
mv away.img gpt.img
# The second copy of the table serves when the first one is damaged, and nothing when both are.
printf 'x' | dd of=gpt.img bs=1 seek=528 conv=notrunc status=none
vdisk info gpt.img | grep -A9 Partitions
vdisk info gpt.img --json | grep -A3 notes
printf 'x' | dd of=gpt.img bs=1 seek=$((64 * 1048576 - 496)) conv=notrunc status=none
vdisk info gpt.img | grep -A9 Partitions
vdisk info gpt.img --json | sed -n '/partition-table/,$p'
# Entries that make no sense are left out, and told.
printf '\377\377\377\377' | dd of=mbr.img bs=1 seek=458 conv=notrunc status=none
vdisk info mbr.img | grep -A9 Partitions
# A disk of large sectors has to be taken for one.
truncate -s 64M large.img
printf 'label: gpt\nstart=256, size=1024, name="large"\n' >large.script
printf 'I\nlarge.script\nw\n' | fdisk -b 4096 large.img >/dev/null 2>&1
vdisk info large.img | grep -A9 Partitions
vdisk info large.img --sector-size 4096 | grep -A9 Partitions | sed 's/GPT,.*/GPT/'
vdisk info large.img --sector-size 1000
vdisk info large.img --sector-size x
# Without a table, and with one that does not matter: a CD made for disks, too.
vdisk create fat.img 4M --fs fat --label HELLO
vdisk info fat.img | grep Holds
vdisk create exfat.img 4M --fs exfat --label Hello
vdisk info exfat.img | grep Holds
mke2fs -q -t ext4 -L linux ext.img 4M >/dev/null 2>&1
vdisk info ext.img | grep Holds
mkdir files
xorriso -as mkisofs -quiet -V DISC -partition_offset 16 -o hybrid.iso files 2>/dev/null
vdisk info hybrid.iso | grep -A9 Holds
vdisk convert hybrid.iso hybrid.vhd
vdisk info hybrid.vhd | grep -A9 Holds | sed 's/32 KiB  *[0-9.]* KiB/32 KiB N KiB/'
