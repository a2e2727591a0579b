# Opening, listing and closing: what is said, and the exit codes.
# Folders differ from run to run, and the ids made of them.
known()
{
    sed -e 's/Z:\\.*\\\([^\\]*\)$/FOLDER\\\1/' -e 's/"Z:.*\\/"FOLDER\\/' \
        -e 's/root#virtualdisk#[0-9a-f]*#/root#virtualdisk#ID#/'
}

vdisk close --all >/dev/null
vdisk list
vdisk open disk.img 2 --letter Q: | known
stat -c '%n %s' disk.img
vdisk open ./DISK.IMG | known
vdisk list | known
vdisk open disk.img --json | known
vdisk open second.img 512K --letter Q: | known
ls -A
vdisk open second.img 512K --letter r --read-only | known
vdisk open second.img 512K --letter r | known
vdisk open second.img --read-only | known
vdisk open second.img --letter S:\\ --json | known | grep -v volume
vdisk close second.img | known
vdisk open second.img --letter S --read-only | known
vdisk info disk.img | known
vdisk close nothing.img
vdisk close X:
vdisk close
vdisk close disk.img --all
vdisk close q: | known
vdisk close disk.img
rm second.img
vdisk list | known
vdisk close second.img --json | known
vdisk close --all
vdisk close --all --json
vdisk list --json
