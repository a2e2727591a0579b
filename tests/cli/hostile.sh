# What an image names is opened only where it may be, and only if it is an ordinary file.
descriptor()
{
    printf '# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n'
    printf 'createType="monolithicFlat"\nRW 8 FLAT "%s" 0\nddb.adapterType = "ide"\n' "$1"
}
mkdir folder outside
head -c 4096 /dev/zero >outside/secret.bin
ln -s ../outside/secret.bin folder/link.bin
mkfifo folder/pipe.bin
for name in /etc/passwd ../outside/secret.bin C:secret.bin . .. '' link.bin pipe.bin disk.vmdk; do
    echo "extent '$name'"
    descriptor "$name" >folder/disk.vmdk
    vdisk read folder/disk.vmdk
done

# Nor is anything else than a file or a disk an image.
vdisk info folder
vdisk info folder/pipe.bin
vdisk info /dev/zero

# Names that are more than names are not followed; a chain that bites its tail ends.
vdisk create parent.qcow2 1M
vdisk create child.qcow2 --parent parent.qcow2
place=$(grep -abo parent.qcow2 child.qcow2 | cut -d: -f1)
for name in json:{}12345 nbd://a/bcd0 /etc/passwd1 //host/a/b12 child.qcow2; do
    printf '%s' "$name" | dd of=child.qcow2 bs=1 seek="$place" conv=notrunc status=none
    printf "\\0\\0\\0\\$(printf %o ${#name})" | # the length of the name, in the header
        dd of=child.qcow2 bs=1 seek=16 conv=notrunc status=none
    echo "parent '$name'"
    vdisk read child.qcow2
done

# Who names himself is told so, also where the writer has locked himself out.
vdisk resize child.qcow2 2M
descriptor disk.vmdk >folder/disk.vmdk
vdisk write folder/disk.vmdk --offset 0
vdisk create data.qcow2 1M
poke() # OFFSET BYTES
{
    printf "$2" | dd of=data.qcow2 bs=1 seek="$1" conv=notrunc status=none
}
poke 79 '\004'
poke 112 'DATA\0\0\0\012data.qcow2\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
vdisk read data.qcow2
vdisk write data.qcow2 --offset 0

# A relative name starts in the image's own folder, also where that is the current one.
vdisk create base.vdi 1M
vdisk create over.vdi --parent base.vdi
place=$(grep -abo base.vdi over.vdi | cut -d: -f1)
printf '/etc/pas' | dd of=over.vdi bs=1 seek="$place" conv=notrunc status=none
vdisk read over.vdi
