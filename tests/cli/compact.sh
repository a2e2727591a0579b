# Zeros in a raw image go back to the host; the contents stay.
head -c 4194304 /dev/zero >disk.img
printf 'data' | dd of=disk.img bs=1 seek=2000000 conv=notrunc status=none
cp disk.img before.img
[ $(stat -c %b disk.img) -ge 8192 ] && echo "full"
vdisk compact disk.img
[ $(stat -c %b disk.img) -le 256 ] && echo "sparse"
cmp disk.img before.img && echo "same bytes"
