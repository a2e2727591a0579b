#!/bin/sh
# Runs one case of the command line: run.sh PROGRAM CASE
#
# CASE.sh is run in an empty folder, with the function `vdisk` for the program; all that it prints
# must be what is in CASE.expected, to the byte. `vdisk` prints what the program wrote to stdout,
# then what it wrote to stderr, each line behind "! ", then its exit code unless that is 0.
# With VIRTUALDISK_UPDATE=1 the expected output is written instead of compared.
set -u
program=$1
case_file=$2
name=$(basename "$case_file" .sh)
expected=$(dirname "$case_file")/$name.expected
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

vdisk()
{
    code=0
    "$program" "$@" >"$folder/out" 2>"$folder/err" </dev/null || code=$?
    cat "$folder/out"
    sed 's/^/! /' "$folder/err"
    [ $code -eq 0 ] || echo "= $code"
}

mkdir "$folder/work"
(cd "$folder/work" && . "$case_file") >"$folder/actual" 2>&1
if [ "${VIRTUALDISK_UPDATE:-}" = 1 ]; then
    cp "$folder/actual" "$expected"
    exit 0
fi
if ! diff -u "$expected" "$folder/actual"; then
    echo "$name: the output is not what $expected says" >&2
    exit 1
fi
