# Overlays, folders, sectors and access: what is refused, and that nothing is left behind then.
known()
{
    sed -e 's/Z:\\[^ ]*\\\([^\\ ]*\)/FOLDER\\\1/g' -e '/^Volume:/d' -e '/^Device:/d' -e '/^Letter:/d'
}

vdisk close --all >/dev/null
echo '# The families of formats in which an overlay can lie over an image'
for format in vhd vhdx vdi vmdk qcow2; do
    vdisk create parent.$format 8M
    vdisk open parent.$format --overlay child.$format --no-letter | known | grep -e Format -e Overlay
    vdisk close child.$format --discard | known
done
vdisk open parent.vhdx --overlay child --no-letter | known | grep Overlay
vdisk close child | known
vdisk info child | grep Format
rm child
vdisk open parent.vhdx --overlay child.vhd | known
vdisk open parent.qcow2 --overlay child.vdi | known
vdisk open parent.vhdx --overlay no-folder/child.qcow2 | known
vdisk open nothing.vhdx --overlay child.qcow2 | known
vdisk open parent.vhdx --overlay parent.vhdx | known
vdisk open parent.vhdx --overlay parent.vdi | known
vdisk open parent.vhdx --overlay memory:
vdisk open parent.vhdx --overlay memory:0
vdisk open parent.vhdx --overlay memory:many
ls
echo '# The partitions of an overlay are what its disk has, not the image under it'
truncate -s 16M blank.img
vdisk open blank.img --overlay blank.qcow2 --no-letter >/dev/null
vdisk close blank.img >/dev/null
qemu-img create -q -f qcow2 -b blank.img -F raw top.qcow2
cp blank.img table.img
echo 'start=2048, size=4M, type=c' | sfdisk -q table.img
qemu-img convert -O qcow2 table.img flat.qcow2
qemu-img rebase -u -b blank.img -F raw flat.qcow2
vdisk open blank.img --overlay flat.qcow2 --no-letter | known
vdisk close blank.img >/dev/null
echo '# An overlay that may not be written'
chmod a-w top.qcow2
vdisk open blank.img --overlay top.qcow2 --no-letter | known
vdisk close blank.img >/dev/null
rm -f blank.img blank.qcow2 top.qcow2 table.img flat.qcow2

echo '# Folders'
mkdir folder full
touch full/file
vdisk open new.img 1 --mount folder
vdisk open new.img 1 --mount full
vdisk open new.img 1 --mount full/file
vdisk open new.img 1 --mount nothing
vdisk open new.img 1 --mount folder --letter Q:
echo '# Sectors'
vdisk open parent.vhdx --sector-size 4096 | known
vdisk open new.img 1022K --sector-size 4096 | known
vdisk open new.img 1 --sector-size 520
vdisk open new.img 1000K --sector-size 4096 --no-letter --json | grep sector | sort -u
vdisk close new.img >/dev/null
vdisk open new.img --sector-size 4096 --overlay new.qcow2 | known
vdisk open new.img --sector-size 4096 --overlay memory --no-letter | known
vdisk close new.img >/dev/null
echo '# CDs, and what else cannot be written to'
mkdir cd
xorriso -as mkisofs -quiet -V HOLIDAYS -o cd.iso cd 2>/dev/null
vdisk open cd.iso --overlay over.qcow2 | known
vdisk open cd.iso --overlay memory | known
vdisk open cd.iso --partition 1 | known
vdisk open cd.iso --sector-size 4096 | known
vdisk open cd.iso --format-as fat --force | known
vdisk open --ram cd.iso --no-letter | known | grep Format
vdisk open cd.iso | known | grep -v Size
vdisk close cd.iso >/dev/null
chmod a-w parent.qcow2
vdisk open parent.qcow2 --format-as fat | known
vdisk open parent.qcow2 --overlay memory --format-as fat --no-letter | known | grep -e Format -e Overlay
vdisk close parent.qcow2 >/dev/null
chmod u+w parent.qcow2
echo '# Images from strangers'
cp parent.qcow2 bad.qcow2
printf '\377\377\377\377\377\377' | dd of=bad.qcow2 bs=1 seek=65540 conv=notrunc status=none
vdisk open bad.qcow2 --safe | known
qemu-img create -q -f qcow2 -b bad.qcow2 -F qcow2 child.qcow2
vdisk open child.qcow2 --safe | known
vdisk open parent.qcow2 --safe | known
vdisk close parent.qcow2 >/dev/null
vdisk open parent.qcow2 --safe --access everyone
vdisk open nothing.img --safe | known
echo '# Access and format'
vdisk open new.img --access 'D:P(A;;GA;;;SY)(A;;GRGX;;;WD)' --no-letter | known
vdisk close new.img >/dev/null
vdisk open new.img --access 'D:P(A;;XX;;;SY)'
vdisk open parent.vhdx --format raw --no-letter | known
vdisk close parent.vhdx >/dev/null
vdisk open new.img --format vhdx | known
vdisk list
ls
