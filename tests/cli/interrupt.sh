# Ctrl-C in a conversion leaves neither a target nor a part of one.
truncate -s 64M source.img
head -c 67108864 /dev/urandom >source.img
"$program" convert source.img target.raw --progress json 2>progress &
process=$!
# Stopped before it can be done: the signal meets it at work.
kill -STOP $process
kill -INT $process
kill -CONT $process
code=0
wait $process || code=$?
case $code in
130) [ -e target.raw ] || echo "clean" ;;
0) cmp source.img target.raw && echo "clean" ;;
*) echo "exit code $code" ;;
esac
rm -f target.raw progress
ls -A
