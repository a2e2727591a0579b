# A raw image: made, shown, written, read, mapped, checked.
vdisk create disk.img 4M
vdisk create disk.img 4M
vdisk info disk.img | grep -v Takes
vdisk info disk.img --json | grep -v actual-size
vdisk check disk.img
vdisk check disk.img --json
vdisk map disk.img
printf 'in the middle of a sector' | "$program" write disk.img --offset 1000000
vdisk read disk.img --offset 1000000 --length 25
echo
vdisk read disk.img --offset 999999 --length 1 | od -An -tx1
vdisk read disk.img --offset 4194303 --length 1 | od -An -tx1
vdisk read disk.img | wc -c
vdisk read disk.img | cmp - disk.img && echo "the whole disk"
vdisk read disk.img --offset 5M
vdisk read disk.img --offset 4M --length 1
vdisk map disk.img --json
printf 'xx' | "$program" write disk.img --offset 4194303 2>&1
vdisk read nothing.img
vdisk info .
