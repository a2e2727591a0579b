# CDs: what they are, where their sectors are, and that they can be read and converted, not written.
say() {
    printf '%s\n' "-- $*"
}

truncate -s 1048676 disc.iso # the last sector is not whole
printf '\1CD001\1' | dd of=disc.iso bs=1 seek=32768 conv=notrunc status=none
printf 'DISC      ' | dd of=disc.iso bs=1 seek=32808 conv=notrunc status=none
printf 'end' | dd of=disc.iso bs=1 seek=1048673 conv=notrunc status=none
say an image of a CD
vdisk info disc.iso | grep -v Takes
vdisk map disc.iso
vdisk read disc.iso >read.out
cmp -n 1048676 disc.iso read.out
wc -c <read.out
echo more | "$program" write disc.iso --offset 0 2>&1
echo "= $?"
vdisk check disc.iso
vdisk resize disc.iso 2M
vdisk info disc.iso --format raw | grep Sectors

say a cue sheet
truncate -s 1048576 disc.iso
for i in $(seq 0 511); do
    printf '\0\377\377\377\377\377\377\377\377\377\377\0\0\2\0\1'
    dd if=disc.iso bs=2048 skip=$i count=1 status=none
    head -c 288 /dev/zero
done >disc.bin
printf 'FILE "disc.bin" BINARY\r\n  TRACK 01 MODE1/2352\r\n    INDEX 01 00:00:00\r\n' >disc.cue
vdisk info disc.cue | grep -v Takes
vdisk map disc.cue
vdisk read disc.cue | cmp - disc.iso
vdisk info disc.bin | grep -v Takes
vdisk compare disc.bin disc.iso

say conversions
for format in raw vhd vhdx vmdk vdi qcow2; do
    vdisk convert disc.cue new.$format
    vdisk compare new.$format disc.iso
done
vdisk convert new.vhdx again.iso
cmp disc.iso again.iso

say refusals
vdisk create new.iso 1M --format iso
vdisk convert disc.iso other.cue --to cue
for disc in disc.iso disc.cue disc.bin; do
    vdisk create child.qcow2 --parent $disc
    vdisk convert new.raw child.vhdx --parent $disc
done
truncate -s 1M disk.raw
vdisk create child.qcow2 --parent disk.raw
cp child.qcow2 before.qcow2
vdisk rebase child.qcow2 --parent disc.iso
vdisk rebase child.qcow2 --parent disc.iso --unsafe
cmp child.qcow2 before.qcow2
rm child.qcow2 before.qcow2 disk.raw
printf 'FILE "../disc.bin" BINARY\nTRACK 01 MODE1/2352\nINDEX 01 00:00:00\n' >disc.cue
vdisk info disc.cue
printf 'FILE "none.bin" BINARY\nTRACK 01 MODE1/2352\nINDEX 01 00:00:00\n' >disc.cue
vdisk info disc.cue
printf 'FILE "disc.bin" BINARY\nTRACK 01 AUDIO\nINDEX 01 00:00:00\n' >disc.cue
vdisk info disc.cue
ls -A
