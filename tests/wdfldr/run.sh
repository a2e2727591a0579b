#!/bin/sh
# run.sh SESSION TESTS DRIVER GROUP: one group of tests in a Wine session of its own, because a
# stopped driver takes the host process of the other drivers with it.
"$1" stop
"$1" run -t 380 "$2" "$3" "$4"
code=$?
"$1" stop
exit $code
