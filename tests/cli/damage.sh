# However many entries of a map are wrong: the first of a sort are shown, the others counted.
vdisk create disk.vdi 1G --block-size 1M
map=$(od -An -tu4 -j 340 -N 4 disk.vdi | tr -d ' ')
head -c 4000 /dev/zero | tr '\0' '\177' | dd of=disk.vdi bs=1 seek="$map" conv=notrunc status=none
vdisk check disk.vdi
vdisk check disk.vdi --json | tail -n 12
