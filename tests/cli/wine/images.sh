# The image commands of the Windows build, judged by the tools of this system.
truncate -s 6M source.img
printf 'start' | dd of=source.img conv=notrunc status=none
printf 'middle' | dd of=source.img bs=1 seek=3000000 conv=notrunc status=none
for format in vhd vhdx vmdk vdi qcow2; do
    vdisk convert source.img target.$format
    vdisk compare source.img target.$format
    vdisk check target.$format
    qemu-img convert -O raw target.$format back.raw && cmp -n 6291456 source.img back.raw &&
        echo "$format: the same for qemu-img"
done
vdisk create child.qcow2 --parent target.qcow2
qemu-img compare child.qcow2 target.qcow2
vdisk convert source.img target.vhd
vdisk convert source.img no-folder/target.vhd
vdisk create source.img 1M
vdisk info nothing.img
vdisk info .
ls -A
