# Exit codes as qemu-img's: 0 same, 1 different, 2 could not be done.
truncate -s 1M a.img
truncate -s 2M longer.img
cp a.img b.img
vdisk compare a.img b.img
vdisk compare a.img longer.img
printf 'x' | dd of=b.img bs=1 seek=700001 conv=notrunc status=none
vdisk compare a.img b.img
vdisk compare b.img a.img
printf 'x' | dd of=longer.img bs=1 seek=1500000 conv=notrunc status=none
vdisk compare a.img longer.img
vdisk compare a.img nothing.img
