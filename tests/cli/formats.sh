# Every format that can be made holds what was put into it, and converts back.
head -c 3000000 /dev/urandom >data
truncate -s 16M source.img
dd if=data of=source.img bs=65536 seek=17 conv=notrunc status=none
dd if=data of=source.img bs=512 seek=20001 conv=notrunc status=none
formats=$("$program" help formats | sed -n '/^  [a-z]/{s/^  \([a-z0-9]*\) .*/\1/;h;n;/create/{g;p}}')
for format in $formats; do
    "$program" convert source.img "target.$format" || echo "$format: convert"
    [ "$("$program" info "target.$format" --json | sed -n 's/.*"format": "\(.*\)".*/\1/p')" = $format ] ||
        echo "$format: info"
    "$program" compare source.img "target.$format" >/dev/null || echo "$format: compare"
    "$program" check "target.$format" >/dev/null || echo "$format: check"
    "$program" read "target.$format" | cmp - source.img || echo "$format: read"
    "$program" convert "target.$format" "back.$format.raw" || echo "$format: back"
    cmp source.img "back.$format.raw" || echo "$format: contents"
    "$program" compact "target.$format" || echo "$format: compact"
    "$program" compare source.img "target.$format" >/dev/null || echo "$format: compacted"
    rm -f "target.$format" "back.$format.raw"
done
ls -A
# What a format has not is refused, never passed over.
vdisk create none.raw 1M --block-size 4K
vdisk create none.raw 1M --subformat fixed
vdisk create none.vhdx 10M --subformat foo
vdisk create none.vhd 10M --subformat dynamic --fixed
vdisk create fixed.vhdx 10M --subformat fixed
vdisk info fixed.vhdx | grep Format
vdisk check fixed.vhdx
for command in read map 'convert --to vdi'; do
    set -- $command
    vdisk "$1" fixed.vhdx ${2:+none.vdi} ${2:-} ${3:-} --snapshot nope
done
ls none.* 2>/dev/null
