# File names are escaped, whatever is in them.
for name in 'quote".img' 'back\slash.img' 'täb	and line
feed.img' "$(printf 'not\377utf8\300\257.img')"; do
    vdisk create "$name" 1M
    vdisk info "$name" --json | grep filename
    vdisk info "$name" --json | python3 -m json.tool >/dev/null && echo "valid JSON"
done

# Without a parent there is no word of one; a check that cannot be done is told in JSON, too.
for format in raw vhd vhdx vmdk vdi qcow2; do
    vdisk create plain.$format 1M
    vdisk info plain.$format --json | grep -c backing
    vdisk check plain.$format --json | grep format
done
vdisk check plain.raw --repair --json >check.json
sed -n '/^{/,/^}/p' check.json | python3 -m json.tool | grep errors
