# File systems that `open` makes through the driver, judged by the tools of this system.
known()
{
    sed -e 's/Z:\\[^ ]*\\\([^\\ ]*\)/FOLDER\\\1/g' -e '/^Volume:/d' -e '/^Device:/d' -e '/^Letter:/d'
}

# judge KIND FILE
judge()
{
    fsck.$1 -n "$2" >fsck.txt 2>&1 && echo "$2: clean" || cat fsck.txt
}

vdisk close --all >/dev/null
echo '# A new image, a sector size, and an image that is not raw'
vdisk open fat.img 16 --format-as fat --label NEW --no-letter | known
vdisk close fat.img | known
judge vfat fat.img
vdisk open exfat.img 16 --format-as exfat --sector-size 4096 --no-letter >/dev/null
vdisk close exfat.img | known
judge exfat exfat.img
vdisk create disk.vhdx 64M
vdisk open disk.vhdx --fs fat --no-letter >/dev/null
vdisk close disk.vhdx | known
qemu-img convert -O raw disk.vhdx disk.img
judge vfat disk.img

echo '# What is there is kept, unless it may be lost; and nothing is left behind'
vdisk open fat.img --format-as exfat | known
vdisk open fat.img --format-as exfat --force --no-letter >/dev/null
vdisk close fat.img | known
judge exfat fat.img
vdisk open new.img 16 --format-as fat --label 'far too long' | known
vdisk open new.img 16 --format-as ntfs
vdisk open new.img 10K --format-as exfat | known
ls *.img

echo '# Partitions: all, or none when one of them holds something'
rm disk.img
truncate -s 64M disk.img
sfdisk -q disk.img <<END
label: dos
start=2048, size=16M, type=c
start=40960, size=16M, type=7
END
vdisk open disk.img --partition 2 --format-as exfat --label TWO --no-letter >/dev/null
vdisk close disk.img | known
cp disk.img before.img
vdisk open disk.img --format-as fat | known
cmp disk.img before.img
vdisk open disk.img --format-as fat --force --label BOTH --no-letter | known
vdisk close disk.img | known
for start in 1 20; do
    dd if=disk.img of=part.img bs=1M skip=$start count=16 status=none
    judge vfat part.img
done
rm part.img before.img
vdisk list
