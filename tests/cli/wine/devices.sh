# Opening, listing and closing: what is said, and the exit codes.
# Folders differ from run to run, and the ids made of them.
known()
{
    sed -e 's/Z:\\.*\\\([^\\]*\)$/FOLDER\\\1/' -e 's/"Z:.*\\/"FOLDER\\/' \
        -e 's/"used": [0-9]*/"used": N/' -e 's/root#virtualdisk#[0-9a-f]*#/root#virtualdisk#ID#/'
}

# What the file occupies is the host's affair.
list()
{
    vdisk list | known |
        sed -e 's/  */ /g' -e 's/\([QS]: .* [KM]iB\) [0-9.]* [KM]*\(iB\|bytes\) /\1 USED /'
}

vdisk close --all >/dev/null
vdisk list
vdisk open disk.img 2 --letter Q: | known
stat -c '%n %s' disk.img
vdisk open ./DISK.IMG | known
list
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
list
vdisk close second.img --json | known
vdisk close --all
vdisk close --all --json
vdisk list --json
