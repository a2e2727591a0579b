# What is said to volumes that are open: list, stats, resize, set, flush, reconnect, close.
known()
{
    sed -e 's/Z:\\.*\\\([^\\]*\)$/FOLDER\\\1/' -e 's/"Z:.*\\/"FOLDER\\/' -e 's/Z:.*\\\([^\\]* is \)/FOLDER\\\1/'
}

# Times differ from run to run, and so does how the requests are spread over them.
timeless()
{
    sed -e '/that took less than/,$d' -e 's/ *[0-9.]* [um]*s  *[0-9.]* [um]*s  *[0-9.]* [um]*s$/  TIMES/'
}

# What the file occupies is the host's affair.
list()
{
    vdisk list | known | sed -e 's/  */ /g' -e 's/\(Q: .* [KM]iB\) [0-9.]* [KM]iB /\1 USED /'
}

vdisk close --all >/dev/null
vdisk open disk.img 2 --letter Q: >/dev/null
vdisk stats Q: | known | timeless
vdisk flush Q:
vdisk flush disk.img
vdisk stats ./DISK.img | known | timeless
vdisk stats disk.img --json | tr -d ' \n' | sed 's/.*"flush":{"count":\([0-9]*\),.*/flushes: \1/'
echo
vdisk stats disk.img 5
vdisk stats disk.img --watch soon
vdisk stats nothing.img

echo 'resize'
vdisk resize disk.img +1M | known
vdisk resize Q: 4M
stat -c '%n %s' disk.img
vdisk resize Q: 1M
vdisk resize disk.img 1M --shrink | known
vdisk resize disk.img 4194305 | known
vdisk resize disk.img 4M
vdisk resize X: 1M
stat -c '%n %s' disk.img

echo 'set'
vdisk set Q:
vdisk set Q: --read-only --read-write
vdisk set nothing.img --read-only
vdisk set disk.img --read-only
list
vdisk flush Q:
vdisk resize Q: +1M
vdisk set Q: --read-write
list

echo 'reconnect'
vdisk reconnect nothing.img
vdisk reconnect Q:
mv disk.img old.img
vdisk reconnect Q: | known
vdisk reconnect disk.img | known
truncate -s 1M disk.img
vdisk reconnect Q: | known
cp old.img disk.img
vdisk reconnect Q:
vdisk resize Q: +1M
stat -c '%n %s' disk.img old.img

echo 'close'
vdisk close Q: --wait long
vdisk close Q: --discard | known
vdisk close Q: --commit | known
vdisk close Q: --discard --commit
vdisk close --all --discard
rm disk.img
vdisk reconnect Q: | known
vdisk close Q: | known
vdisk close Q: --force --json | known
list
