# After a restart of the system only what was opened with --persistent is open. A session of Wine is
# one run of the system.
session=$(dirname "$case_file")/../../../wine/session

known()
{
    sed -e 's/  *Z:\\.*\\\([^\\]*\)$/ FOLDER\\\1/' -e 's/Z:\\[^:]*\\\([^\\ :]*\)/FOLDER\\\1/g' \
        -e '/^Volume:/d' -e '/^Device:/d' -e '/^Letter:/d'
}

# The order is that of ids made of the folder's name.
list()
{
    vdisk list --json | grep -e '"path"' -e '"working"' -e '"persistent"' -e '"partition"' |
        sed -e 's/"Z:.*\\/"/' -e 's/  *//' | paste -d ' ' - - - - | sort
}

restart()
{
    "$session" log | grep STOP
    "$session" stop
    "$session" start
}

devices='HKLM\SYSTEM\CurrentControlSet\Enum\Root\VirtualDisk'

# Keys of our devices that Plug and Play still has.
count_devices()
{
    "$session" run reg query "$devices" 2>/dev/null | grep -c -i 'Root.VirtualDisk.[0-9a-f]'
}

find_marks()
{
    "$session" run reg query "$devices" /s | tr -d '\r' | grep '\\Device Parameters\\Volatile$'
}

table()
{
    truncate -s 64M "$1"
    sfdisk -q "$1" <<END
label: gpt
start=2048, size=8M
start=18432, size=8M
END
}

restart
vdisk close --all >/dev/null
truncate -s 1M over.img
table parts.img
vdisk open kept.img 1 --persistent >/dev/null
vdisk open gone.img 1 >/dev/null
vdisk open over.img --overlay memory >/dev/null
vdisk open --ram 1M >/dev/null
vdisk open parts.img --partition 1 --persistent >/dev/null
vdisk open parts.img --partition 2 >/dev/null
list

echo '# After a restart'
restart
list
echo "$(count_devices) devices"
"$session" run reg query "$devices" /s /v StartMessage |
    grep -o 'the system was .*' | tr -d '\r' | sort | uniq -c
echo '# Nobody has the image open'
vdisk write gone.img --offset 0
vdisk write kept.img --offset 0 | known

echo '# The next change removes what has returned, and the image can be opened again'
vdisk close gone.img | known
echo "$(count_devices) devices"
vdisk open gone.img | known
vdisk open parts.img --partition 2 >/dev/null
list
vdisk close parts.img >/dev/null

echo '# A volume that works is one, whatever becomes of its mark'
mark=$(find_marks)
echo "$mark" | grep -c .
"$session" run reg delete "$mark" /f >/dev/null
find_marks
list
vdisk close gone.img | known

echo '# Once more, opened at once'
vdisk open parts.img --partition 1 --persistent >/dev/null
vdisk open gone.img >/dev/null
restart
vdisk open gone.img --persistent | known
list

echo '# What was opened again persistently returns'
restart
list
vdisk close gone.img | known
vdisk close parts.img | known
restart
list
vdisk close --all | known
restart
list
echo "$(count_devices) devices"
ls
