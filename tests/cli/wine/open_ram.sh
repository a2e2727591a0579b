# Disks in memory: their names, and sizes that make no sense.
known()
{
    sed -e 's/Z:\\[^ ]*\\\([^\\ ]*\)/FOLDER\\\1/g' -e '/^Volume:/d' -e '/^Device:/d' -e '/^Letter:/d'
}

vdisk close --all >/dev/null
echo '# The smallest number that is free, or the name that is given'
vdisk open --ram 1M --no-letter | known
vdisk open --ram 1M --no-letter | known
vdisk close ram:1
vdisk open --ram 2M --no-letter | known
vdisk open --ram 4M scratch --sector-size 4096 --no-letter --json | grep -e '"path"' -e sector | sort -u
vdisk open --ram 4M ram:Scratch --no-letter | known
vdisk open --ram 5M scratch --no-letter
vdisk open ram:scratch
vdisk list | sed 's/  */ /g'
vdisk close --all
echo '# Formatted'
vdisk open --ram 16M --fs fat --label SCRATCH --no-letter | known
vdisk open --ram 16M --format-as ntfs
vdisk open --ram 16M --fs exfat --label 'far too long'
vdisk close --all
echo '# What makes no sense'
vdisk open --ram 1000
vdisk open --ram 1022K --sector-size 4096
vdisk open --ram 9999T | sed 's/[0-9.]* GiB$/ALL/'
vdisk open --ram 0
vdisk open --ram 1.5G
vdisk open --ram 16MB
vdisk open --ram 1M a b
vdisk open --ram 1M 'a*'
vdisk open --ram 1M --partition 1
vdisk open --ram 1M --read-only
vdisk open --ram 1M --format raw
vdisk open --ram 1M --safe
vdisk open --ram nothing.img | known
vdisk open --ram 1M --overlay memory
echo '# Loaded from a file, also from one that looks like a size'
truncate -s 1M 100
vdisk open --ram ./100 --no-letter | known
rm 100
vdisk close ./100 | known
vdisk list
