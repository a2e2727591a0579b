# What `open` does with an image that is open already, in whole or in part.
known()
{
    sed -e 's/Z:\\[^ ]*\\\([^\\ ]*\)/FOLDER\\\1/g' -e '/^Volume:/d' -e '/^Device:/d' -e '/^Letter:/d'
}

table()
{
    truncate -s 64M "$1"
    sfdisk -q "$1" <<END
label: gpt
label-id: 11111111-2222-3333-4444-555555555555
start=2048, size=8M, name="one"
start=18432, size=8M, name="two"
start=34816, size=8M, name="three"
END
}

vdisk close --all >/dev/null
table disk.img
echo '# An option is never passed over in silence'
vdisk open disk.img --partition 1 --letter Q: >/dev/null
for options in '--overlay over.qcow2' '--overlay memory' '--detect-zeroes' '--sector-size 4096' \
    '--format vhdx' '--whole' '--read-only'; do
    echo "$options"
    vdisk open disk.img --partition 1 $options | known
    vdisk open disk.img --partition 2 $options | known
done
for options in '--format-as fat' '--no-letter' '--safe' '--persistent' '--access everyone'; do
    echo "$options"
    vdisk open disk.img --partition 1 $options | known
done
vdisk open --ram disk.img | known
vdisk open disk.img --partition 1 --sector-size 512 --format raw --access admins --letter Q: | known
vdisk close disk.img | known
ls

echo '# Further partitions are as the first'
vdisk open disk.img --partition 1 --overlay over.qcow2 --detect-zeroes >/dev/null
vdisk open disk.img --partition 2 | known
vdisk open over.qcow2 --partition 3 --persistent --no-letter | known
vdisk open other.img --overlay over.qcow2 1 | known
vdisk close over.qcow2 --discard | known
vdisk open disk.img --partition 1 --overlay memory:1M >/dev/null
vdisk open disk.img --partition 2 --overlay memory:2M | known
vdisk open disk.img --partition 2 --overlay memory | known
vdisk close disk.img >/dev/null
vdisk open disk.img --partition 1 >/dev/null
vdisk set disk.img --read-only
vdisk open disk.img --partition 2 | known
vdisk open disk.img --partition 3 --read-only | known
vdisk close disk.img >/dev/null

echo '# In formats of several files, too'
vdisk create flat.vmdk 64M --subformat monolithicFlat
dd if=disk.img of=flat-flat.vmdk conv=notrunc status=none
vdisk open flat.vmdk --partition 1 >/dev/null
vdisk open flat.vmdk --partition 2 | known
vdisk close flat.vmdk | known

echo '# All or none'
vdisk open disk.img --partition 2 --letter R: >/dev/null
vdisk close disk.img >/dev/null
vdisk open disk.img --json | grep -e partition -e devices
vdisk close disk.img >/dev/null
vdisk open --ram 1M --letter Q: >/dev/null
vdisk open disk.img --letter Q: | known
vdisk open new.img 1 --letter Q: | known
vdisk open disk.img --overlay over.qcow2 --letter Q: | known
vdisk open disk.img --overlay over.qcow2 --format-as ntfs | known
vdisk open disk.img --partition 1 --overlay over.qcow2 --format-as exfat --label 'far too long' | known
vdisk close --all | known
vdisk list
ls
