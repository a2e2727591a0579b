# New images with an empty file system, in every format; fsck finds nothing to say.
for format in raw vhd vhdx vmdk qcow2; do
    vdisk create "disk.$format" 64M --format $format --fs fat --label hello
    "$program" read "disk.$format" >raw.out
    fsck.vfat -n raw.out >fsck.txt || cat fsck.txt
    mdir -i raw.out :: | sed -n 's/^ Volume in drive : is //p'
    vdisk create "exfat.$format" 64M --format $format --fs exfat
    "$program" read "exfat.$format" >raw.out
    fsck.exfat -n raw.out >fsck.txt 2>&1 || cat fsck.txt
done
rm raw.out fsck.txt
ls
vdisk create never.img 64M --fs ntfs
vdisk create never.img 64M --label x
vdisk create never.img 64M --fs fat --label 'more than eleven'
vdisk create never.img 1K --fs fat
ls never.img
for kind in fat exfat; do vdisk create never.img 64M --fs $kind --label 'ÄÖÜ日本'; done
vdisk create never.vhdx 2T --fs fat
