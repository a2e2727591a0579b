# Volumes of partitions, overlays, disks in memory, and what does not go together.
known()
{
    sed -e 's/Z:\\[^ ]*\\\([^\\ ]*\)/FOLDER\\\1/g' -e '/^Volume:/d'
}

table()
{
    truncate -s 64M "$1"
    sfdisk -q "$1" <<END
label: dos
label-id: 0x12345678
start=2048, size=8M, type=c
start=18432, size=8M, type=7
start=34816, size=8M, type=82
END
}

vdisk close --all >/dev/null
table disk.img
echo '# Every partition that holds data'
vdisk open disk.img --letter Q: --json | grep -c '"working": true'
vdisk open disk.img --partition 2 | known | grep -A9 Path
vdisk open disk.img --whole | known
vdisk close disk.img | known
echo '# One, another one, and none'
vdisk open disk.img --partition 2 --letter Q: | known
vdisk open disk.img --partition 3 --no-letter | known
vdisk open disk.img --partition 4 | known
vdisk open disk.img --partition 1 --read-only | known
vdisk close disk.img >/dev/null
vdisk open disk.img --partition 0
vdisk open disk.img --partition 1 --whole
echo '# The whole disk'
vdisk open disk.img --whole --letter Q: | known | grep Size
vdisk open disk.img --partition 1 | known
vdisk close disk.img >/dev/null
echo '# An overlay keeps the image as it is'
sha256sum disk.img >before
vdisk open disk.img --partition 1 --overlay over.qcow2 --letter Q: --format-as fat --label OVER |
    known
vdisk close disk.img >/dev/null
sha256sum -c before
vdisk info over.qcow2 | grep Parent
vdisk read over.qcow2 >over.raw
vdisk info over.raw | grep -A3 Partitions
vdisk open disk.img --partition 1 --overlay over.qcow2 --letter Q: --format-as fat | known
vdisk open disk.img --partition 1 --overlay over.qcow2 --format-as fat --force | known | grep Size
vdisk close over.qcow2 --discard | known
ls over.qcow2
vdisk open disk.img --partition 1 --overlay over.vhdx | known
vdisk open disk.img --partition 1 --overlay over.qcow2 --format-as fat --label KEPT | grep Size
vdisk close disk.img --commit | known
vdisk info disk.img | grep -A3 Partitions
sha256sum disk.img >before
vdisk open disk.img --overlay over.qcow2 --letter Q: | grep -c Size
vdisk close disk.img | known
cp disk.img other.img
vdisk open other.img --overlay over.qcow2 | known
echo '# So does memory'
vdisk open disk.img --partition 1 --overlay memory:4M --letter Q: --format-as exfat --force | known
vdisk close disk.img >/dev/null
sha256sum -c before
vdisk open disk.img --partition 1 --overlay memory --format-as fat --label MEMORY --force |
    grep Size
vdisk close disk.img --commit | known
vdisk info disk.img | grep -A3 Partitions
vdisk open --ram 1M --no-letter >/dev/null
vdisk close ram:1 --commit
vdisk close ram:1
echo '# Disks in memory'
vdisk open --ram 16M --letter R: --fs exfat --label RAM | known
vdisk open --ram 16M | known
vdisk open --ram 4M second --no-letter | known
vdisk close ram:1
vdisk close ram:2
vdisk close ram:second
vdisk open --ram disk.img --partition 1 --letter R: | known
rm disk.img
vdisk close R: | known
table disk.img
vdisk open --ram disk.img extra
vdisk open --ram 16M --overlay memory
vdisk open --ram 16M a/b
echo '# Sectors, access, and images from strangers'
vdisk open big.img 8M --sector-size 4096 --letter Q: --json | grep sector
vdisk close big.img >/dev/null
vdisk open big.img --sector-size 1024
vdisk open other.img --access everyone --whole --letter Q: | known | grep Size
vdisk close other.img >/dev/null
vdisk open other.img --access somebody
vdisk open other.img --safe --letter Q:
vdisk open other.img --safe --whole | known
vdisk close other.img >/dev/null
vdisk open other.img --format nonsense
vdisk open other.img --format-as ext4
vdisk open other.img --read-only --format-as fat
vdisk open new.img 4M --label x
vdisk open
ls
echo '# A new file of the format that its ending names'
vdisk open made.vhdx 10 --no-letter | grep -E 'Size|Format'
vdisk close made.vhdx >/dev/null
vdisk info made.vhdx | grep -E 'Format|Size'
vdisk open made.vhd 10 --format raw --no-letter | grep Format
vdisk close made.vhd >/dev/null
