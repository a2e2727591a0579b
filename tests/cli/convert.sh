# Converting keeps the contents, leaves holes out, and leaves nothing behind.
truncate -s 8M source.img
printf 'start' | dd of=source.img conv=notrunc status=none
printf 'middle' | dd of=source.img bs=1 seek=5000000 conv=notrunc status=none
vdisk convert source.img target.raw
cmp source.img target.raw && echo "same bytes"
[ $(stat -c %b target.raw) -le 256 ] && echo "holes are holes"
vdisk compare source.img target.raw
vdisk convert source.img target.raw
vdisk convert nothing.img other.raw
vdisk convert source.img no-folder/other.raw
vdisk convert source.img other.raw --to nonsense
vdisk convert source.img other.raw --compress
vdisk convert source.img fixed.raw --fixed
cmp source.img fixed.raw && echo "same bytes"
[ $(stat -c %b fixed.raw) -ge 16384 ] && echo "all space is taken"
ls -A
