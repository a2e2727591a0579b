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
