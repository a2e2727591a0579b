# File names are escaped, whatever is in them.
for name in 'quote".img' 'back\slash.img' 'täb	and line
feed.img' "$(printf 'not\377utf8\300\257.img')"; do
    vdisk create "$name" 1M
    vdisk info "$name" --json | grep filename
    vdisk info "$name" --json | python3 -m json.tool >/dev/null && echo "valid JSON"
done
