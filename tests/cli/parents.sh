# Images that hold only what differs from a parent: in every format that has them.
head -c 1500000 /dev/urandom >old
head -c 300000 /dev/urandom >new
truncate -s 16M source.img
dd if=old of=source.img bs=65536 seek=17 conv=notrunc status=none
cp source.img want.img
dd if=new of=want.img bs=512 seek=9001 conv=notrunc status=none
mkdir sub

# Says what failed, with the name of the format in front.
try()
{
    what=$1
    shift
    "$program" "$@" >output 2>&1 || { echo "$format: $what"; cat output; }
}

for format in $("$program" help formats | sed -n '/^  [a-z]/{s/^  \([a-z0-9]*\) .*/\1/;h;n;/parents/{g;p}}'); do
    child=sub/child.$format
    try "base" convert source.img base.$format
    try "create" create $child --parent base.$format
    "$program" write $child --offset 4608512 <new || echo "$format: write"
    try "child" compare want.img $child
    try "base is kept" compare source.img base.$format
    try "chain" info --chain $child
    try "check" check $child

    try "convert" convert want.img difference.$format --parent base.$format
    try "converted" compare want.img difference.$format
    try "compact" compact $child
    try "compacted" compare want.img $child

    try "copy" convert base.$format other.$format
    try "rebase" rebase $child --parent other.$format
    rm base.$format
    try "rebased" compare want.img $child
    if "$program" info $child --json | grep -q backing-identity; then
        mv other.$format moved.$format
        try "moved" rebase $child --parent moved.$format
        mv moved.$format other.$format
        try "moved back" rebase $child --parent other.$format
        try "still the same" compare want.img $child
    fi
    try "commit" commit $child
    try "committed" compare want.img other.$format
    try "after commit" compare want.img $child
    try "committed base" check other.$format
    rm -f other.$format difference.$format $child
done
# A guest that wrote a whole image cannot make its raw base into one; who names the base's format can.
vdisk create base.img 2M
vdisk create child.qcow2 --parent base.img
vdisk create inner.vdi 1M
"$program" write child.qcow2 --offset 0 <inner.vdi
vdisk commit child.qcow2
vdisk info base.img | head -n 2
vdisk commit child.qcow2 --to raw
rm base.img child.qcow2 inner.vdi
vdisk create child.vhd --parent nothing.img
vdisk create child.raw --parent source.img
vdisk commit source.img
ls -A

# A child of VMware's covers its parent; a parent that is gone is a file that is not there.
vdisk create parent.vmdk 64M
vdisk create small.vmdk 32M --parent parent.vmdk
vdisk create same.vmdk --parent parent.vmdk
rm parent.vmdk
vdisk read same.vmdk
